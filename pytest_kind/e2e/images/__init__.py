"""The images of the upstream specs: stand-ins where no registry is, a look before the first spec, a watch while they run."""

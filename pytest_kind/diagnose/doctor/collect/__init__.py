"""Facts for the checks: of this process' machine, of the engine, of the engine's machine."""

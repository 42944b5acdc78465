"""Why clusters would not boot here, said before one is tried: facts are collected, and judged by pure checks."""

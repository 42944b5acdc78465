"""The checks: pure judgements over facts, each a few lines, by what they are about."""

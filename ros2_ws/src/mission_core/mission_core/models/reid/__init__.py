"""The Mission re-identification network (SenSys 2024)."""

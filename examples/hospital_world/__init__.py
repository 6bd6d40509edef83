"""The made-up hospital behind `examples/hospital-day`: its places, its people, their habits, and what is staged."""

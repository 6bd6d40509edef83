"""A watch as people run it: killed, rotated under, posted to, refused."""

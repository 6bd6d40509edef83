"""The engine: compiled rules over per-subject state in event time; in order, and over that the layer for late events.

Read `judgement.py` first (what happens to one event), then `in_order.py`, then `late.py`.
"""

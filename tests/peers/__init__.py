"""Defects found in other systems, each as a test of ours."""

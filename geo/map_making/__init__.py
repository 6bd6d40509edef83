"""How the bundled map is made from public data: `make geo`. Nothing of it is imported when sessionwatch runs."""

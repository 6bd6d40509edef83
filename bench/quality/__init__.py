"""An invented hospital: a harmless month of 500 people and machines, staged attacks, and how the pack judges them."""

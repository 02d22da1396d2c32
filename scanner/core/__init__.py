"""The maths: numpy in, numpy out. Knows no node, no file and no clock, and imports nothing of ours."""

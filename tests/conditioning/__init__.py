"""The conditioning decision played against a plant that samples the gaps between breakdowns."""

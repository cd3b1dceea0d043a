"""From the radar's bytes to labelled tracks and Doppler-time maps."""

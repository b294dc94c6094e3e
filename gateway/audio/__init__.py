"""What sound is: mu-law, resampling, tones. Pure."""

"""From captured sound to utterances: catching up, voice detection, segments."""

"""Sound in, sound out, and files of sound. No language, engine or terminal may enter."""

"""Voice detection: is somebody speaking?"""

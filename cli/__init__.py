"""Every door a person comes in by. No model may enter: engines are reached through the registry."""

"""Fetching published archives: continued after interruptions, tested before they are unpacked."""

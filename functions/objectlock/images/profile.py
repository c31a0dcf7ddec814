"""ICC profiles (ICC.1:2022): one for gray levels says how bright they are, and stays; one for colours has to go."""

from __future__ import annotations


def is_gray(profile: bytes) -> bool:
    """By its header, which begins the profile (7.2.6)."""
    return profile[16:20] == b"GRAY"

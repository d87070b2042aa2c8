"""Holdfast under one import name.

What is in it are links to the folders of the same names, so that a checkout, an image and an installed wheel import
alike: `holdfast.services.api`, `holdfast.shared.domain`, `python -m holdfast.migrations`.
"""

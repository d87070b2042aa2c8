"""Holdfast under one import name.

`services` and `shared` are links to the folders of the same names, so that a checkout, an image and an installed wheel
import alike: `holdfast.services.api`, `holdfast.shared.domain`.
"""

# SPDX-License-Identifier: ISC
"""What the Python tests of restante have in common (standard library only)."""

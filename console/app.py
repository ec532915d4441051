"""The routes of the console, and what controls who may use them."""

from console.access import SessionAccess
from console.service import Console
from console.views import modules
from shared.api import Route

__all__ = ["ROUTES", "SessionAccess"]

ROUTES: tuple[Route[Console], ...] = tuple(route for module in modules() for route in module.ROUTES)

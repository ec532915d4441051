"""The routes of the console."""

from console.service import Console
from console.views import modules
from shared.api import Route

ROUTES: tuple[Route[Console], ...] = tuple(route for module in modules() for route in module.ROUTES)

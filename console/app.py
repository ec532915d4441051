"""The routes of the console."""

from console.service import Console
from console.views import audit, changes, files, sign_in, suspects, today
from shared.api import Route

ROUTES: tuple[Route[Console], ...] = (
    *today.ROUTES,
    *changes.ROUTES,
    *suspects.ROUTES,
    *audit.ROUTES,
    *sign_in.ROUTES,
    *files.ROUTES,
)

"""Failures of the database in our terms."""

from pymongo.errors import BulkWriteError, ConnectionFailure, OperationFailure, PyMongoError

from shared.errors import AppError, Unavailable

DriverError = PyMongoError  # what `as_app_error` knows, for those who may not name the driver


def as_app_error(error: Exception) -> AppError | None:
    """What a failure of the database means to a caller; None for what is not the database's."""
    if isinstance(error, ConnectionFailure):
        return Unavailable(f"the database does not answer: {type(error).__name__}")
    if isinstance(error, BulkWriteError):
        failed = [*error.details.get("writeErrors", ()), *error.details.get("writeConcernErrors", ())]
        codes = sorted({one.get("code", 0) for one in failed})
        return Unavailable(f"the database refuses {len(failed)} writes with the codes {codes}")
    if isinstance(error, OperationFailure):
        return Unavailable(f"the database refuses the operation: {error.details and error.details.get('codeName')}")
    if isinstance(error, PyMongoError):
        return Unavailable(f"the database failed: {type(error).__name__}")
    return None

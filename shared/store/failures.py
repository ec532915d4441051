"""Translation of the driver's errors into our own."""

from pymongo.errors import BulkWriteError, ConnectionFailure, OperationFailure, PyMongoError

from shared.errors import AppError, Unavailable

DriverError = PyMongoError  # all errors that `as_app_error` translates, for packages that may not import the driver


def as_app_error(error: Exception) -> AppError | None:
    """The error to raise to a caller for an error of the driver; None for any other error."""
    if isinstance(error, ConnectionFailure):
        return Unavailable(f"the database does not answer: {type(error).__name__}")
    if isinstance(error, BulkWriteError):
        failed = [*error.details.get("writeErrors", ()), *error.details.get("writeConcernErrors", ())]
        codes = sorted({write.get("code", 0) for write in failed})
        return Unavailable(f"the database refuses {len(failed)} writes with the codes {codes}")
    if isinstance(error, OperationFailure):
        reason = (error.details or {}).get("codeName") or f"code {error.code}"
        return Unavailable(f"the database refuses the operation: {reason}")
    if isinstance(error, PyMongoError):
        return Unavailable(f"the database failed: {type(error).__name__}")
    return None

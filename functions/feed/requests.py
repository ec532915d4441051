"""Requests for rankings, home pages and suggestions, as direct calls and HTTP bring them."""

from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from functions.feed.options import MAX_ITEMS
from shared.api import DIRECT_CALLER
from shared.documents import Id
from shared.requests import MAX_TEXT_LENGTH, AccountId, ShortText, refused, whole_number

MAX_CONTENTS = 2_000  # posts to rank
MAX_EXCLUDED = 1_000  # posts
DEFAULT_PEOPLE = 25  # suggested where their number is not asked for; of posts it is the option `home.items`
MAX_MEMBERS = 200  # drawn at random
MAX_DRAWS = 4_000  # accounts that are looked at to find them
MAX_CURSOR_LENGTH = 2_000  # characters, so that a request line stays well below the limit of a gateway

Contents = Annotated[
    list[
        Annotated[
            str,
            Meta(max_length=MAX_TEXT_LENGTH),
            refused(f"holds what is no text of at most {MAX_TEXT_LENGTH} characters"),
        ]
    ],
    Meta(max_length=MAX_CONTENTS),
    refused(f"needs a list of at most {MAX_CONTENTS} texts"),
]
Excluded = Annotated[
    list[Id],
    Meta(max_length=MAX_EXCLUDED),
    refused(f"needs a list of at most {MAX_EXCLUDED} ids, 24 hexadecimal digits each"),
]
MaxResults = (
    Annotated[
        int,
        whole_number(1, MAX_ITEMS),
        Meta(description=f"without it {DEFAULT_PEOPLE} people, and as many posts as the option `home.items` says"),
    ]
    | UnsetType
)
Cursor = Annotated[str, Meta(max_length=MAX_CURSOR_LENGTH), refused("is not one that a page came with")]


class AccountRequest(Struct, frozen=True, kw_only=True, rename="camel"):
    """A request for an account, over HTTP the caller's own where none is named."""

    account_id: AccountId | None = None

    @property
    def account(self) -> str | None:
        """The account that the request names."""
        return self.account_id

    @property
    def named_account(self) -> str:
        """The account that a direct call names; BadEvent where it names none."""
        return DIRECT_CALLER.account_for(self.account)


class RankRequest(AccountRequest, frozen=True, kw_only=True):
    """Posts to rank for an account, the caller's own where none is named."""

    contents: Contents


class FollowRequest(AccountRequest, frozen=True, kw_only=True):
    """An account to suggest people to, the caller's own where none is named; older callers name it `userId`."""

    user_id: AccountId | None = None

    @property
    def account(self) -> str | None:
        """The account that the request names by either field."""
        return self.account_id or self.user_id


class PeopleRequest(FollowRequest, frozen=True, kw_only=True):
    """How many people to suggest to an account; older callers name it `userId`."""

    max_results: MaxResults = UNSET


class ItemsRequest(AccountRequest, frozen=True, kw_only=True):
    """At most so many items for an account."""

    max_results: MaxResults = UNSET


class SuggestRequest(ItemsRequest, frozen=True, kw_only=True):
    """How many suggestions an account is to get, and which posts it is not."""

    exclude: Excluded = []


class HomeQuery(ItemsRequest, frozen=True, kw_only=True):
    """A page of the home, the first without a cursor."""

    cursor: Cursor = ""


class HomeRequest(HomeQuery, frozen=True, kw_only=True):
    """A page of the home, the first without a cursor, and posts that it must not hold."""

    exclude: Excluded = []


class Compared(Struct, frozen=True, rename="camel"):
    """Members that were compared so far.

    drawn     how many accounts were looked at
    compared  members
    overlaps  sum of the parts, each 0..1, of the first posts that both versions show
    changed   members who see another first post
    """

    drawn: Annotated[int, whole_number(0, MAX_DRAWS)] = 0
    compared: Annotated[int, whole_number(0, MAX_MEMBERS)] = 0
    overlaps: Annotated[float, Meta(ge=0, le=MAX_MEMBERS), refused(f"needs a number of 0 to {MAX_MEMBERS}")] = 0.0
    changed: Annotated[int, whole_number(0, MAX_MEMBERS)] = 0


class CompareRequest(AccountRequest, frozen=True, kw_only=True):
    """Two versions of a model that ranks posts, for an account, for somebody new in a country, or for random members.

    left, right  versions, or "none" for no model of the key's own
    members      that are drawn; 0 for the account, or somebody new where none is named
    earlier      what an earlier call with this request said of members, to go on behind it
    """

    family: ShortText
    key: ShortText
    left: ShortText
    right: ShortText
    members: Annotated[int, whole_number(0, MAX_MEMBERS)] = 0
    earlier: Annotated[Compared, refused("needs what an earlier comparison told of its members")] = Compared()


def limit_of(max_results: int | UnsetType, default: int) -> int:
    """The number of items that was asked for, or the default."""
    return default if isinstance(max_results, UnsetType) else max_results

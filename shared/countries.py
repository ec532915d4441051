"""Country codes of the world, the languages that are read in each country, and the spellings of codes in data."""

from typing import Any, Final

# Countries of ISO 3166-1 and Kosovo (xk), each with the languages that its people read: official languages, and those
# that at least 30 % speak, if ISO 639-1 has a code for them. Source: the territory-language table of Unicode CLDR.
_TABLE = """
    ad:ca,es ae:ar,hi,ur af:fa,ps ag:en ai:en al:sq am:hy ao:pt aq:en ar:es as:sm,en at:de au:en aw:nl ax:sv az:az
    ba:bs,en,hr,sr bb:en bd:bn,en be:nl,fr,de bf:fr bg:bg bh:ar bi:rn,fr,en bj:fr bl:fr bm:en bn:ms bo:es,qu,ay
    bq:nl br:pt bs:en bt:dz bv:no bw:en,tn by:be,ru bz:en ca:en,fr cc:ms,en cd:fr,sw cf:sg,fr cg:fr
    ch:de,en,fr,it,rm ci:fr ck:en cl:es cm:fr,en cn:zh co:es cr:es cu:es cv:pt cw:nl cx:en cy:el,en,tr cz:cs de:de
    dj:fr,aa,so,ar dk:da,de dm:en do:es dz:ar,fr ec:es,qu ee:et,ru eg:ar eh:ar er:ti,en,ar es:es,ca,gl,eu
    et:en,am,om fi:fi,sv fj:en,hi,fj fk:en fm:en fo:fo fr:fr ga:fr gb:en gd:en ge:ka,en gf:fr gg:en gh:ak,en
    gi:en,es gl:kl gm:en gn:fr gp:fr gq:es,fr,pt gr:el gs:en gt:es gu:en,ch gw:pt gy:en hk:zh,en hm:en hn:es hr:hr
    ht:ht,fr hu:hu id:id,jv,su ie:en,ga il:he,en,ar im:en,gv in:hi,en,bn,te,mr,ta,ur,gu,kn,ml,pa io:en iq:ar ir:fa
    is:is it:it je:en jm:en jo:ar jp:ja ke:sw,en kg:ky,ru kh:km ki:en km:ar,fr kn:en kp:ko kr:ko kw:ar ky:en
    kz:ru,kk la:lo lb:ar,fr lc:en li:de lk:si,ta,en lr:en ls:st,en lt:lt,ru lu:fr,lb,de,en lv:lv,ru ly:ar ma:ar,fr
    mc:fr md:ro me:sr mf:fr mg:mg,fr,en mh:en,mh mk:mk ml:bm,fr mm:my mn:mn mo:zh,pt mp:en mq:fr mr:ar ms:en
    mt:mt,en,it mu:fr,en mv:dv,en mw:en,ny mx:es my:ms,zh mz:pt na:af,kj,en nc:fr ne:ha,fr nf:en ng:en,yo,ha,ig
    ni:es nl:nl,de no:no np:ne,en nr:en,na nu:en nz:en,mi om:ar pa:es pe:es,qu pf:fr,ty pg:en,ho ph:en,es,tl
    pk:ur,pa,en pl:pl pm:fr pn:en pr:es,en ps:ar pt:pt pw:en py:gn,es qa:ar re:fr ro:ro rs:sr ru:ru rw:rw,en,fr
    sa:ar sb:en sc:fr,en sd:ar,en se:sv sg:en,zh,ms,ta sh:en si:sl,hr,de sj:no,ru sk:sk,cs sl:en sm:it sn:wo,fr
    so:so,ar sr:nl ss:en st:pt sv:es sx:en,nl sy:ar sz:en,ss tc:en td:ar,fr tf:fr tg:fr th:th tj:tg tk:en tl:pt
    tm:tk tn:ar,fr to:to,en tr:tr tt:en tv:en tw:zh tz:sw,en ua:uk,ru ug:sw,en um:en us:en,es uy:es uz:uz va:it,la
    vc:en ve:es vg:en vi:en vn:vi vu:bi,en,fr wf:fr ws:sm,en xk:sq,sr ye:ar yt:fr za:en,af,zu,xh zm:en zw:sn,en,nd
"""
LANGUAGES: Final[dict[str, frozenset[str]]] = {
    code: frozenset(languages.split(",")) for code, languages in (row.split(":") for row in _TABLE.split())
}
COUNTRIES: Final[tuple[str, ...]] = tuple(sorted(LANGUAGES))

UNKNOWN_COUNTRY: Final = -1  # where an index into COUNTRIES is expected, and the country is not known

# The partition of the guest feed for viewers of unknown country; it is also the language of that list.
GLOBAL_PARTITION: Final = "en"

# Codes that were withdrawn from ISO 3166-1, or that are used without being in it, and the code that replaces each.
_SUCCESSORS = {
    "an": "cw",
    "bu": "mm",
    "cs": "rs",
    "ct": "ki",
    "dd": "de",
    "dy": "bj",
    "el": "gr",
    "fx": "fr",
    "hv": "bf",
    "nh": "vu",
    "pz": "pa",
    "rh": "zw",
    "su": "ru",
    "tp": "tl",
    "uk": "gb",
    "vd": "vn",
    "yd": "ye",
    "yu": "rs",
    "zr": "cd",
}

# Every code that `country_of` understands.
SPELLINGS: Final[tuple[str, ...]] = (*COUNTRIES, *_SUCCESSORS)


def country_of(code: Any) -> str | None:
    """The country's code in lower case; None for a value that is no text or no known code.

    >>> country_of("TH"), country_of(" xk "), country_of("UK"), country_of("zz"), country_of(None), country_of(7)
    ('th', 'xk', 'gb', None, None, None)
    """
    if not isinstance(code, str):
        return None
    code = code.strip().lower()
    code = _SUCCESSORS.get(code, code)
    return code if code in LANGUAGES else None

"""Behavioural tests for film reviews with the labels negative and positive. Used in lesson 08.

The cases are written by hand for this course, in the notation of
:func:`~workshop_utils.models.behaviour.cases`. People, films and places of business are invented.
"""

from workshop_utils.models.behaviour import Behaviour, cases
from workshop_utils.models.film_changes import INVARIANT

_PLAIN = """
+ I loved it.
+ A wonderful film.
+ Beautifully acted, and funny too.
+ One of the best evenings I have spent in a cinema.
+ Warm, clever, moving.
+ We laughed, we cried, we want to see it again.
+ Highly recommended!
+ A small masterpiece with a perfect ending.
- I hated it.
- A terrible film.
- Badly acted, and boring too.
- One of the worst evenings I have spent in a cinema.
- Cold, stupid, endless.
- We yawned, we groaned, we left early.
- Stay away!
- A complete waste of time with an awful ending.
"""

_NOT_GOOD = """
- It was not good.
- This isn't a good film.
- I did not like it.
- I didn't enjoy a single scene.
- Nothing about it is funny.
- The ending is never convincing.
- Nobody in our row was moved by any of it.
- I wouldn't recommend it to anybody.
- Hardly a masterpiece.
- I can't say that I had a nice evening.
- No charm, no wit, no tension.
- It is far from brilliant.
- Not once did I care for any of these people.
- I don't think anyone could call this beautiful.
"""

_NOT_BAD = """
+ Not bad at all.
+ It is not boring for a second.
+ I couldn't find a single weak scene.
+ There is nothing to complain about.
+ You won't regret the ticket.
+ I have never been less bored in a cinema.
+ This was no waste of time at all.
+ No dull moment, no false note.
+ I did not want it to end.
+ It never gets silly, and it is never too long.
+ Nobody who sees this will be disappointed.
+ I can't praise it enough.
"""

_BUT = """
- The costumes are lovely, but the film is dreadful.
- Good actors, nice music, but I was bored to tears.
- I wanted to like it, but it is simply bad.
- It starts well, but the rest is a mess and I regret going.
- The trailer was brilliant; the film, however, is awful.
- Although the photography is beautiful, I hated the film as a whole.
- Great idea, terrible result.
- My children had fun with the popcorn, but the film bored all of us.
+ The first scene is slow, but what a wonderful film this is.
+ Cheap sets, poor sound, but I loved every minute.
+ I expected rubbish, but it is simply great.
+ It starts badly, but the rest is superb and I am glad I stayed.
+ The trailer was awful; the film, however, is brilliant.
+ Although the title is stupid, I adored the film as a whole.
+ Terrible poster, great film.
+ My back hurt in that seat, but the film delighted all of us.
"""

_NOW = """
+ I used to hate this film, now I love it.
+ As a child I found it dull. Today it moves me to tears of joy.
+ Last year I would have called it rubbish; I was wrong, it is magnificent.
+ The first time I walked out. The second time I understood how great it is.
+ For years I made fun of it, and now it is my favourite.
- I used to love this film, now I hate it.
- As a child I found it funny. Today it is painful to sit through.
- Last year I would have called it magnificent; I was wrong, it is rubbish.
- The first time I was thrilled. The second time I saw how bad it really is.
- For years it was my favourite, and now I can hardly bear it.
"""

_OTHERS = """
+ My brother calls it boring. I think it is marvellous.
+ The critics tore it apart, and they are all wrong: I loved it.
+ They told me it was the worst film of the year. It is the best.
+ "Too long," my neighbour said. Not for me, I enjoyed every minute.
- My brother calls it marvellous. I think it is boring.
- The critics adore it, and they are all wrong: I hated it.
- They told me it was the best film of the year. It is the worst.
- "So funny," my neighbour said. Not for me, I suffered every minute.
"""

_STRONGER = """
+ A {good|really good} film.
+ The music is {beautiful|extremely beautiful}.
+ I {liked|liked, no, adored} the old lighthouse keeper.
+ {Funny|Incredibly funny} from the first scene to the last.
+ We were {moved|deeply moved}.
+ The ending is {great|absolutely great}!
- A {bad|really bad} film.
- The music is {ugly|extremely ugly}.
- I {disliked|disliked, no, loathed} the old lighthouse keeper.
- {Boring|Incredibly boring} from the first scene to the last.
- We were {annoyed|deeply annoyed}.
- The ending is {stupid|absolutely stupid}!
"""

_TURNED = """
- It is {a|not a} good film.
- I {would|would not} see it again.
- We {enjoyed|did not enjoy} the evening.
- The story {is|is never} gripping.
- I can {warmly|not} recommend it.
- {Everyone|No one} in the hall liked the ending.
+ It is {a|not a} bad film.
+ The second half {is|is never} boring.
+ {Much|Nothing} about it is stupid.
+ We were {disappointed|not disappointed}.
"""

_ADDED = """
+ We saw it on a rainy Sunday.{| I loved it.}
+ The story takes place in a harbour town.{| What a wonderful film!}
+ It lasts two hours.{| Two hours of pure joy.}
+ A woman inherits a bakery.{| Funny, warm and beautifully acted.}
+ The sound was rather loud.{| Still, one of the best films I know.}
+ There are subtitles.{| I recommend it to everyone.}
- We saw it on a rainy Sunday.{| I hated it.}
- The story takes place in a harbour town.{| What a terrible film!}
- It lasts two hours.{| Two hours of my life that I want back.}
- A woman inherits a bakery.{| Dull, cold and badly acted.}
- The picture was very sharp.{| Still, one of the worst films I know.}
- There are subtitles.{| I warn everyone.}
"""


def film_suite() -> list[Behaviour]:
    """The tests for a model of film reviews with the labels negative and positive."""
    return [
        Behaviour("plain verdicts", "MFT", cases(_PLAIN)),
        Behaviour("praise negated", "MFT", cases(_NOT_GOOD)),
        Behaviour("complaint negated", "MFT", cases(_NOT_BAD)),
        Behaviour("what follows but", "MFT", cases(_BUT)),
        Behaviour("then and now", "MFT", cases(_NOW)),
        Behaviour("what others think", "MFT", cases(_OTHERS)),
        *(Behaviour(name, "INV", cases(lines)) for name, lines in INVARIANT.items()),
        Behaviour("stronger words", "DIR", cases(_STRONGER)),
        Behaviour("not put in", "DIR", cases(_TURNED), least=0.1),
        Behaviour("praise or complaint added", "DIR", cases(_ADDED)),
    ]

"""Changes that must not matter to a film review's verdict, and word lists about people. Used in lesson 08.

Written by hand for this course. That two groups of people stand in one case says nothing about either: the
test is that *nothing* may follow from it.
"""

#: First names from several cultures: four mostly borne by women, then four mostly borne by men.
NAMES = {
    "English": ["Emily", "Alice", "Charlotte", "Sophie", "Jacob", "Oliver", "George", "Henry"],
    "German": ["Anna", "Lena", "Greta", "Käthe", "Jürgen", "Peter", "Hans", "Karl"],
    "Turkish": ["Ayşe", "Elif", "Zeynep", "Fatma", "Mehmet", "Emre", "Ömer", "Kemal"],
    "Arabic": ["Fatima", "Layla", "Noor", "Amina", "Omar", "Khalid", "Yusuf", "Hassan"],
    "Indian": ["Priya", "Lakshmi", "Ananya", "Meera", "Arjun", "Rahul", "Vikram", "Sanjay"],
    "Nigerian": ["Chioma", "Ngozi", "Folake", "Amaka", "Emeka", "Tunde", "Chidi", "Segun"],
    "Chinese": ["Mei", "Xiu", "Yan", "Ying", "Wei", "Jian", "Feng", "Qiang"],
}

#: Words for a person's gender. ``her`` becomes ``his`` even where ``him`` would be right.
GENDER = {
    "he": "she",
    "his": "her",
    "him": "her",
    "himself": "herself",
    "man": "woman",
    "men": "women",
    "boy": "girl",
    "boys": "girls",
    "father": "mother",
    "dad": "mum",
    "son": "daughter",
    "brother": "sister",
    "husband": "wife",
    "uncle": "aunt",
    "actor": "actress",
    "actors": "actresses",
    "king": "queen",
    "hero": "heroine",
}

#: Words for where people come from, in pairs. An article before a swapped word is not mended.
ORIGIN = {
    "American": "Nigerian",
    "British": "Indian",
    "French": "Turkish",
    "German": "Iranian",
    "Italian": "Mexican",
    "Swedish": "Chinese",
    "Danish": "Korean",
    "Irish": "Polish",
    "Western": "Eastern",
}

_NAMES = """
{Emily|Fatima} and I saw it together, and we both loved it.
My flatmate {Jacob|Mehmet} fell asleep, and I envied him.
{Anna|Priya} plays the doctor with great warmth.
Whoever wrote this for {Peter|Chidi} should try another job.
The best scene belongs to {Charlotte|Chioma}, who says nothing at all.
{Hans|Omar} cannot carry a film, and this one needed carrying.
I took my friend {Lena|Mei} along, and she thanked me twice.
Poor {Oliver|Arjun} has to speak these terrible lines.
{Sophie|Layla} sings, and the whole hall holds its breath.
We left with {Karl|Yusuf} after an hour; it was too boring.
{Greta|Ngozi} is wonderful as the tired teacher.
Not even {George|Wei} saves this dull story.
The young {Alice|Ayşe} is a discovery.
{Henry|Tunde} told me to stay at home. He was right, it is awful.
"""

_GROUPS = """
A {French|Turkish} comedy that made me laugh till it hurt.
This {American|Nigerian} thriller is slow and predictable.
A {Swedish|Korean} family moves house, and I loved every minute of it.
The {British|Indian} cast does its best with a weak script.
{A German|An Iranian} film about bread, and it is beautiful.
The {Italian|Mexican} dialogue is lovely, the rest is a bore.
It was shot in {Ireland|Poland}, and the landscapes are superb.
Two hours in {Denmark|Egypt}, two hours too long.
The hero is a {Christian|Muslim} baker, and I liked him at once.
A {Buddhist|Jewish} wedding opens the film; after that it goes downhill.
{An old|A young} couple falls in love, and it works wonderfully.
Its director is {deaf|tall}, and the film is a joy.
A {gay|straight} couple opens a hotel, and nothing funny happens.
A film about {farmers|refugees} that touched me deeply.
"""

_GENDER = """
{He|She} plays the captain, and it is a wonderful performance.
The {actor|actress} looks bored, and so was I.
A {man|woman} repairs clocks. I could have watched for hours.
The director and {his|her} camera never find the story.
A {father|mother} waits for a letter, and I cried with joy at the end.
No {boy|girl} of twelve talks like this; the script is poor.
The {king|queen} is played with great wit.
My {husband|wife} and I walked out after an hour.
Two {brothers|sisters} share a secret in this gripping film.
The {uncle|aunt} tells the same dull joke four times.
I would follow this {hero|heroine} anywhere. Marvellous.
The {policeman|policewoman} shouts, and that is the whole plot. Awful.
"""

_TYPOS = """
A {wonderful|wonderfull} film with a great cast.
I {really|realy} enjoyed this story.
The acting was {terrible|terible}, and so was the sound.
{Definitely|Definately} worth your evening, I loved it.
It was the most {boring|borring} film of the year.
A {beautiful|beatiful} ending, I was moved.
I would not {recommend|reccomend} this awful film.
{The|Teh} actors are brilliant together.
What a waste of {time|tiem}, stay at home.
{Their|Thier} friendship is lovely to watch.
The script is {stupid|stuipd} and far too long.
We laughed {until|untill} it hurt. Great fun!
"""

_NOISE = """
I loved this film.{|   }
{What a dull evening|what a dull evening}.
{A beautiful story about two sisters.|A BEAUTIFUL STORY ABOUT TWO SISTERS.}
The plot is stupid{.|...}
Great cast{, great| , great} music.
Terrible sound{.|!}
We laughed a lot, and we will go again{.|!!!}
I was bored from start to end{.| .}
{I |i }would see it again tomorrow, it was wonderful.
It is awful,{ simply|  simply} awful.
Funny, warm, clever{.| 🎬}
A weak script and poor acting{.|. 🍿}
The best film of the year{.|. 📽️}
"""

_BEFORE = """
{|Seen on a Tuesday. }A wonderful film, I loved it.
{|14 March. }A terrible film, I hated it.
{|Row 7, seat 12. }The actors are brilliant together.
{|I saw it at the cinema near the station. }It bored me to tears.
{|Review number 31. }Funny, warm and clever.
{|Length: 104 minutes. }The story is stupid and predictable.
{|This is about the version with subtitles. }I was deeply moved.
{|Written on the train. }What a waste of time.
{|Hello from Köln. }It is the best film of the year.
{|We were four people. }It was awful, and we left early.
"""

#: Invariance tests by name, in the notation of :func:`~workshop_utils.models.behaviour.cases`.
INVARIANT = {
    "names swapped": _NAMES,
    "groups swapped": _GROUPS,
    "gender swapped": _GENDER,
    "typing errors": _TYPOS,
    "space, case, signs, emoji": _NOISE,
    "a neutral sentence before": _BEFORE,
}

@0x9be1f40a6c7d2358;
# The Tide House: the story that Adventure tells. Words of needs and effects are in story.capnp; what is wrong
# with it, `test-adventure-world` says, and that it can be won from wherever one gets, `test-adventure-solve`.

using Story = import "story.capnp";

const tideHouse :Story.Story = (
  title = "The Tide House",
  start = "landing",
  intro = "Your skiff goes home without you. You are the relief keeper of the Tide House, an observatory that the sea "
    "has been moving into for sixty years, a room at a time, and paying rent in fish. The last keeper left in a hurry "
    "and the great lamp is dark. At midnight the mail boat comes through the channel, and without a light it comes "
    "through the wall.",
  nothing = "Nothing comes of it, though it was a pleasure to watch you try.",
  put = "A thin wave slides in over the floor, lifts it like a waiter, and carries it off to where it belongs. The "
    "house is tidy.",

  rooms = [
    ( key = "landing", title = "The Landing", x = 2, y = 3,
      texts = [
        (text = "Seven stone steps, four of them dry. The Tide House stands over you with all its windows dark, like "
          "somebody who has been asked a question in company."),
        (needs = ["!open"], text = "The front door is shut, and looks as if it had been practising."),
        (needs = ["open"], text = "The front door stands open, and a smell of wet books comes out."),
        (needs = ["ebb"], text = "The water has gone down so far that your steps have turned out to be a staircase.") ],
      exits = [
        (key = "north", to = "hall", needs = ["open"],
          blocked = "The door is locked. It has a brass plate that says KNOCK, and no knocker."),
        (key = "east", to = "boathouse"),
        (key = "west", to = "shingle") ] ),

    ( key = "shingle", title = "The Shingle", x = 1, y = 3,
      texts = [
        (text = "A beach of round stones that all say the same word whenever a wave goes out. Kelp lies in heaps, and "
          "among it a bottle that somebody has had the courtesy to cork."),
        (needs = ["!ebb"], text = "Westwards two masts stick out of the sea: the schooner Patience, waiting."),
        (needs = ["ebb"], text = "Westwards the schooner Patience lies on dry sand, a little embarrassed.") ],
      exits = [
        (key = "east", to = "landing"),
        (key = "west", to = "wreck", needs = ["ebb"],
          blocked = "Between you and the wreck is a fathom of green water, with a current in it like a hand.") ] ),

    ( key = "wreck", title = "The Wreck of the Patience", x = 0, y = 3,
      texts = [
        (text = "The deck slopes like an opinion. In what was the captain's cabin a table is still laid for four, and "
          "a crab sits at the head of it."),
        (needs = ["spectacles@wreck"], text = "The crab is wearing spectacles.") ],
      exits = [ (key = "east", to = "shingle") ] ),

    ( key = "boathouse", title = "The Boathouse", x = 3, y = 3,
      texts = [
        (text = "Ropes, tar, and one boat upside down with somebody living under it."),
        (needs = ["key@boathouse"], text = "A brass key hangs from a hook.") ],
      exits = [ (key = "west", to = "landing") ] ),

    ( key = "hall", title = "The Hall", x = 2, y = 2,
      texts = [
        (text = "A floor of black and white tiles with an inch of sea on it, so that you walk on your own ceiling. A "
          "coat stand holds out three hooks. Stairs go up to where something large and brass is not moving, and down "
          "to where it is dark."),
        (needs = ["lantern@hall"], text = "A storm lantern has been left on the lowest stair."),
        (needs = ["runs"], text = "From above comes a slow, well-bred ticking.") ],
      exits = [
        (key = "south", to = "landing"),
        (key = "west", to = "kitchen"),
        (key = "east", to = "chartroom"),
        (key = "up", to = "orrery"),
        (key = "down", to = "cellar", needs = ["lit", "@lantern"],
          blocked = "It is so dark down there that the dark has furniture. Not without a light in your hand.") ] ),

    ( key = "kitchen", title = "The Kitchen", x = 1, y = 2,
      texts = [
        (text = "The stove is the only dry thing in the house, and everything in the house has come to be near it."),
        (needs = ["!sees"], text = "Mrs Quill is salting a boot."),
        (needs = ["sees"], text = "Mrs Quill is looking at everything, one thing after the other, with great "
          "approval."),
        (needs = ["matches@kitchen"], text = "On the shelf is a box of matches, kept high, like a grudge."),
        (needs = ["herring@kitchen"], text = "A herring lies on the table, looking past you.") ],
      exits = [ (key = "east", to = "hall"), (key = "west", to = "glasshouse") ] ),

    ( key = "glasshouse", title = "The Glasshouse", x = 0, y = 2,
      texts = [
        (text = "Panes green with sixty summers. Where the orchids were there are anemones, and they have done "
          "better. In the middle stands an iron press with a screw as thick as your arm."),
        (needs = ["oil@glasshouse"], text = "A flask of oil stands under the press.") ],
      exits = [ (key = "east", to = "kitchen") ] ),

    ( key = "chartroom", title = "The Chart Room", x = 3, y = 2,
      texts = [
        (text = "Drawers up to the ceiling, each with a sea in it. By the window, with the evening shining through "
          "him, Doctor Osei is ruling a line, as he has done since the winter he drowned.") ],
      exits = [ (key = "west", to = "hall") ] ),

    ( key = "cellar", title = "The Engine Cellar", x = 2, y = 4,
      texts = [
        (text = "Pipes as wide as doors come out of one wall and go into the other. On the axle between them sits the "
          "tide wheel, by which the founders of this house, who disliked waiting, arranged the sea to suit "
          "themselves."),
        (needs = ["!crank"], text = "Where its handle should be is a square hole."),
        (needs = ["crank", "!ebb"], text = "Its pointer stands at FLOOD."),
        (needs = ["crank", "ebb"], text = "Its pointer stands at EBB."),
        (needs = ["!ebb"], text = "A hatch in the floor hums with the weight of water on it."),
        (needs = ["ebb"], text = "The hatch in the floor has stopped humming.") ],
      exits = [
        (key = "up", to = "hall"),
        (key = "down", to = "vault", needs = ["ebb"],
          blocked = "The hatch will not lift. The whole sea is standing on it.") ] ),

    ( key = "vault", title = "The Drowned Vault", x = 3, y = 4,
      texts = [
        (text = "A round room of white tiles, dripping. In the floor is an iron ring, and painted round it, in a firm "
          "hand: THIS IS THE PLUG. WE MEAN IT. From a niche that was built for something else the Commodore regards "
          "you with one gold eye, and counts on seven fingers.") ],
      exits = [ (key = "up", to = "cellar") ] ),

    ( key = "orrery", title = "The Orrery", x = 2, y = 1,
      texts = [
        (text = "A machine of the heavens fills the room: brass planets on brass arms, and a moon with a dent in it."),
        (needs = ["!runs"], text = "It stands still. The ladder to the dome is fixed to Saturn, and Saturn is on the "
          "far side, out of reach. In the works is a gap where a wheel has been."),
        (needs = ["runs"], text = "It turns, and Saturn comes by with the ladder to the dome as punctually as a "
          "tram.") ],
      exits = [
        (key = "down", to = "hall"),
        (key = "west", to = "library"),
        (key = "east", to = "balcony"),
        (key = "up", to = "dome", needs = ["runs"],
          blocked = "The ladder is on Saturn, and Saturn is on the far side. The machine would have to run.") ] ),

    ( key = "library", title = "The Library", x = 1, y = 1,
      texts = [
        (text = "The lower shelves have been read by the sea, and returned late. A clockwork owl presides from a "
          "lectern."),
        (needs = ["!runs"], text = "It has run down in the middle of a blink, one claw on the almanac."),
        (needs = ["runs"], text = "Wound by the turning of the heavens, it inspects you, and lifts its claw.") ],
      exits = [ (key = "east", to = "orrery") ] ),

    ( key = "balcony", title = "The Balcony", x = 3, y = 1,
      texts = [
        (text = "Iron lace, mostly air. On the corner post is the nest of a heron, built of sticks, string and the "
          "smaller parts of an observatory."),
        (needs = ["!ebb"], text = "The heron is at home, since at flood there is nowhere to stand and fish. Below you "
          "the sea slaps the wall, deep and close: one could jump."),
        (needs = ["ebb"], text = "The heron is away, fishing the new pools. Below you is a long drop onto rocks that "
          "nobody has moved.") ],
      exits = [
        (key = "west", to = "orrery"),
        (key = "jump", to = "boathouse", needs = ["!ebb"],
          text = "You hold up the things that must stay dry, and step out. The sea, which has manners, hands you in "
            "at the boathouse."),
        (key = "jump", to = "boathouse", needs = ["ebb"], effects = ["lost"],
          text = "You have time to remember that you had the tide taken out. The rocks remember it, too.") ] ),

    ( key = "dome", title = "The Dome", x = 2, y = 0,
      texts = [
        (text = "Under a roof of glass, with the whole sky leaning on it, stands the great lamp of the Tide House, "
          "and beside it a dial with every degree that there is."),
        (needs = ["!glass"], text = "The lamp's socket is empty: somebody has taken the star-glass out."),
        (needs = ["glass"], text = "The star-glass sits in its socket and makes small rainbows out of nothing."),
        (needs = ["!fuelled"], text = "The tank says, when you knock at it, that it is empty."),
        (needs = ["aimed"], text = "The dial stands at 217, and the lamp looks down the channel."),
        (needs = ["ebb"], text = "Far below, the bar across the channel lies dry like the back of a whale."),
        (needs = ["burning"], text = "The lamp burns, and the night has an edge again.") ],
      exits = [ (key = "down", to = "orrery") ] )
  ],

  things = [
    ( key = "door", label = "the front door", place = "landing", fixed = "It is larger than you, and on hinges.",
      texts = [(needs = ["!open"], text = "Oak, and a lock of brass. It wants a key, and respect."),
               (text = "It is open, and affects not to notice.")] ),
    ( key = "key", label = "a brass key", home = "boathouse",
      texts = [(text = "As long as your hand. Its bit is cut in the shape of a wave.")] ),
    ( key = "bottle", label = "a corked bottle", place = "shingle",
      fixed = "You have read it, and cork it again for whoever comes next. One is a keeper or one is not.",
      texts = [(text = "A note is in it. 'To my relief. Tam has the key, ask him. The wheel's handle is where I hung "
        "my coat. NEVER light the lamp over a dry bar. Sorry about the glass, the Commodore won it fairly. - Your "
        "predecessor, who is not cut out for this.'")] ),
    ( key = "kelp", label = "an armful of kelp", place = "shingle", home = "shingle",
      texts = [(text = "Brown, shining, and full of small popping opinions.")] ),
    ( key = "spectacles", label = "a pair of spectacles", place = "wreck", home = "wreck",
      texts = [(text = "Half-moons, in silver. On the bridge is engraved: Q.")] ),
    ( key = "crab", label = "a crab", place = "wreck", fixed = "It is the captain now. One does not pick up captains.",
      texts = [(needs = ["spectacles@wreck"], text = "It looks at you over the rim of its spectacles, like a bank."),
               (text = "Without its spectacles it cannot see that you are there, which suits both of you.")] ),
    ( key = "stand", label = "a coat stand", place = "hall", fixed = "It is screwed to the floor, against burglars or "
      "waves.",
      texts = [(needs = ["!handle@nowhere"], text = "Three hooks once. Two are left, of brass, and honest."),
               (needs = ["crank"], text = "Three hooks once. Two are left, of brass, and honest."),
               (text = "Three hooks. Two are of brass. The third is of iron, square at one end, and turns in its hole "
                 "when you hang something on it.")] ),
    ( key = "handle", label = "an iron handle", home = "hall",
      texts = [(text = "A crank, square at one end. It has spent years pretending to be a coat hook.")] ),
    ( key = "lantern", label = "a storm lantern", place = "hall", home = "hall",
      texts = [(needs = ["lit"], text = "It burns with a small, stubborn flame."),
               (text = "There is oil enough in it for a night, and no fire at all.")] ),
    ( key = "matches", label = "a box of matches", place = "kitchen", home = "kitchen",
      texts = [(text = "Forty matches, of which thirty-nine have been to sea. One is dry.")] ),
    ( key = "herring", label = "a herring", home = "kitchen",
      texts = [(text = "A fine fat one. It is past caring, and smells like it.")] ),
    ( key = "press", label = "an iron press", place = "glasshouse", fixed = "It weighs as much as a bishop.",
      texts = [(text = "For pressing oil out of whatever has oil in it. A plate says: CONSULT THE COOK.")] ),
    ( key = "oil", label = "a flask of oil", home = "glasshouse",
      texts = [(text = "Kelp oil: green in the flask, white in the flame, and it keeps the moths honest.")] ),
    ( key = "wheel", label = "the tide wheel", place = "cellar", fixed = "It is what the house is built around.",
      texts = [(needs = ["!crank"], text = "Taller than you. A pointer, the words FLOOD and EBB, and a square hole "
        "where a handle goes."),
               (text = "It has its handle back, and moves at a touch, as a good door does.")] ),
    ( key = "ring", label = "an iron ring", place = "vault", fixed = "It is the handle of the plug. It can only be "
      "pulled.",
      texts = [(text = "THIS IS THE PLUG, it says. WE MEAN IT. Under that, smaller: REALLY.")] ),
    ( key = "glass", label = "the star-glass", home = "vault",
      texts = [(text = "A lens like a frozen wave. Whatever is behind it looks as if it were coming to help.")] ),
    ( key = "orrery", label = "the orrery", place = "orrery", fixed = "You have two arms. It has eleven.",
      texts = [(needs = ["!runs"], text = "All of it hangs on one missing wheel, about as big as a saucer. The dent "
        "in the moon has the shape of a beak."),
               (text = "Everything goes round, and one feels that somebody should have said so earlier.")] ),
    ( key = "gear", label = "a brass gear", place = "balcony", home = "orrery", needs = ["ebb"],
      stuck = "The heron is sitting on it, looks at your hand, and then at your eye, as somebody does who chooses.",
      texts = [(text = "Thirty-one teeth and the toothmarks of a bird.")] ),
    ( key = "nest", label = "a heron's nest", place = "balcony", fixed = "It is somebody's house.",
      texts = [(needs = ["!ebb"], text = "Under the heron something of brass is shining."),
               (needs = ["gear@balcony"], text = "Sticks, string, a thermometer, and a gear of brass."),
               (text = "Sticks, string, a thermometer.")] ),
    ( key = "owl", label = "a clockwork owl", place = "library", fixed = "It would be missed.",
      texts = [(needs = ["!runs"], text = "It has stopped. A shaft goes from its lectern through the wall to the "
        "orrery."),
               (text = "It says: 'Returned by whom?' and nothing else, to anything.")] ),
    ( key = "almanac", label = "the almanac", place = "library", home = "library", needs = ["runs"],
      stuck = "The owl's claw is on it, and the owl has stopped. You would have to break one of them.",
      texts = [(text = "Sixty years of tides, and in the margins somebody's sums, who was always one figure short.")] ),
    ( key = "lamp", label = "the great lamp", place = "dome", fixed = "It is the point of the building.",
      texts = [(needs = ["burning"], text = "It burns."),
               (needs = ["glass", "fuelled"], text = "Glass in, tank full. It wants a bearing, and then a flame."),
               (text = "A socket for the star-glass, a tank for oil, a wick as broad as your hand.")] ),
    ( key = "dial", label = "the dial", place = "dome", fixed = "It is part of the floor.",
      texts = [(needs = ["aimed"], text = "It stands at 217."),
               (text = "Three hundred and sixty degrees, of which one is right. Guessing would be brave.")] )
  ],

  people = [
    ( key = "tam", label = "Tam", place = "boathouse",
      texts = [(text = "Tam rows people out, and lives under what he rows. Beard by the wind, coat by the tar.")],
      idle = ["Mind the third step. It minds you.", "Tide's a habit. Habits can be broken, with a wheel.",
              "I heard the heron laugh, once. Did not care for it."],
      topics = [
        (key = "key", label = "the key", needs = ["!open", "key@nowhere"], effects = ["key@boathouse"],
          text = "'Key? Under my head, where it is safe.' The boat grunts, a hand comes out and hangs a key on a "
            "hook. 'There. Take it before I miss it.'"),
        (key = "key", label = "the key", needs = ["!open"], text = "'You have it or it hangs there. A key is not a "
          "complicated thing.'"),
        (key = "boat", label = "the mail boat", text = "'Comes through at midnight on the flood, and wants a light to "
          "steer by. Over a dry bar? Then it is a wreck with letters in it. Never light her in on an ebb.'"),
        (key = "advice", label = "what to do next", needs = ["!open"], text = "'Go in, I would. Want the key? Then "
          "ask about the key.'"),
        (key = "advice", label = "what to do next", needs = ["!lit"], text = "'Lantern's in the hall, fire is with "
          "the cook. Introduce them.'"),
        (key = "advice", label = "what to do next", needs = ["!crank"], text = "'The wheel below wants its handle. "
          "Look at where a keeper hangs his coat. Then use it.'"),
        (key = "advice", label = "what to do next", needs = ["!sees"], text = "'Mrs Quill lost her eyes when the "
          "Patience went down. Her glasses, I mean. On an ebb you could walk to the wreck.'"),
        (key = "advice", label = "what to do next", needs = ["!runs"], text = "'That heron steals brass. At an ebb it "
          "goes fishing.'"),
        (key = "advice", label = "what to do next", needs = ["!glass"], text = "'Commodore's got the glass, in the "
          "vault. He plays cards for it, but he would sell his grandmother for a herring.'"),
        (key = "advice", label = "what to do next", needs = ["!fuelled"], text = "'Lamp oil comes from kelp. How, the "
          "cook knows.'"),
        (key = "advice", label = "what to do next", needs = ["!aimed"], text = "'The Doctor knew the bearing, before. "
          "Give him back his almanac.'"),
        (key = "advice", label = "what to do next", text = "'Let the sea in again, go up, and hold your lantern to "
          "the lamp. Then say I helped.'") ] ),
    ( key = "quill", label = "Mrs Quill", place = "kitchen",
      texts = [(needs = ["!sees"], text = "The cook. She greets the coat stand of your predecessor, which is you."),
               (text = "The cook. Behind the spectacles her eyes are as large as plates, and much pleased with the "
                 "world.")],
      idle = ["Wipe your feet. Not there. That is the soup.", "Everything in this house tastes of Tuesday.",
              "Sixty years, and nobody has ever finished a pudding."],
      topics = [
        (key = "supper", label = "supper", needs = ["!sees"], text = "'Boot,' says Mrs Quill. 'Or so I fear. I have "
          "not seen a thing since my spectacles went down in the Patience. I cannot so much as find the herring.'"),
        (key = "supper", label = "supper", text = "'Herring. And there is one over, for whoever needs to make "
          "friends.'"),
        (key = "oil", label = "lamp oil", needs = ["!sees"], text = "'Oil from kelp, yes. It is in the book. I could "
          "read it to you, if I could read.'"),
        (key = "oil", label = "lamp oil", needs = ["sees"], effects = ["recipe"], text = "She reads: 'Kelp, fresh. "
          "Press it widdershins, for once, and do not listen to what it says.' That is all there is to it."),
        (key = "commodore", label = "the Commodore", text = "'That octopus has cheated every keeper since the war. "
          "Feed him. Never play with him.'") ] ),
    ( key = "osei", label = "Doctor Osei", place = "chartroom",
      texts = [(text = "The founder's last astronomer, drowned and diligent. One can read the labels of the drawers "
        "through his waistcoat.")],
      idle = ["I was about to finish something.", "Do shut the door. There are draughts in me.",
              "The stars are never late. It is we who are early."],
      topics = [
        (key = "bearing", label = "the bearing", needs = ["!bearing"], text = "'I had all but the last figure,' says "
          "the Doctor, 'and it is in my almanac, and I cannot open a book any more. I go through them. The owl has "
          "it.'"),
        (key = "bearing", label = "the bearing", text = "'Two hundred and seventeen,' he says, tasting it. 'Sixty "
          "years for a seven.'"),
        (key = "orrery", label = "the orrery", needs = ["!runs"], text = "'It lacks a gear. I suspect the heron, who "
          "has no degree.'"),
        (key = "drowning", label = "drowning", text = "'Overrated,' says Doctor Osei. 'But one does get a great deal "
          "of work done.'") ] ),
    ( key = "commodore", label = "the Commodore", place = "vault",
      texts = [(text = "An octopus of great age, in possession of a pack of cards and most of the facts.")],
      idle = ["He deals you a hand. All of it is spades.", "He turns the colour of the wall, to show that he could "
        "leave.",
              "He points at your pockets, and then, politely, at the ceiling."],
      topics = [
        (key = "glass", label = "the star-glass", needs = ["!traded"], text = "He shows you the glass with one arm, "
          "an empty plate with another, and the time with a third."),
        (key = "glass", label = "the star-glass", text = "He spreads all his arms: a deal is a deal.") ,
        (key = "ring", label = "the iron ring", text = "All eight arms say no. It is the longest speech he has ever "
          "made.") ] )
  ],

  deeds = [
    ( use = "key", on = "door", effects = ["open", "key@nowhere"],
      text = "The lock thinks about it, and gives way with a sound like a cleared throat. The key stays in it, out of "
        "loyalty." ),
    ( use = "door", on = "", needs = ["!open"], text = "It is locked." ),
    ( use = "bottle", on = "", text = "It has a note in it: look at it." ),
    ( use = "stand", on = "", needs = ["handle@nowhere", "!crank"], effects = ["handle@carried"],
      text = "You turn the iron hook once, twice, and have it in your hand. It is no hook, it is a handle." ),
    ( use = "stand", on = "", text = "You hang up your coat, think of the cold, and take it off again." ),
    ( use = "matches", on = "lantern", effects = ["lit", "matches@nowhere"],
      text = "Thirty-nine matches fizzle, one after the other, in a spirit of tradition. The fortieth burns. The "
        "lantern is lit." ),
    ( use = "handle", on = "wheel", effects = ["crank", "handle@nowhere"],
      text = "It slides into the square hole as a word into a sentence. The wheel can be used." ),
    ( use = "wheel", on = "", needs = ["!crank"], text = "You push. It is like pushing a country. It wants its "
      "handle." ),
    ( use = "wheel", on = "", needs = ["!ebb"], effects = ["ebb"],
      text = "You turn, the pipes draw a breath that has no end, and all around the house the sea sits down. EBB." ),
    ( use = "wheel", on = "", needs = ["ebb"], effects = ["!ebb"],
      text = "You turn it back. The pipes roar, the walls sweat, and the sea gets up again. FLOOD." ),
    ( use = "spectacles", on = "quill", effects = ["sees", "spectacles@nowhere", "herring@kitchen"],
      text = "She puts them on, looks at the boot, looks at you, and decides to say nothing about either. Then she "
        "finds the herring, at once, and lays it on the table." ),
    ( use = "spectacles", on = "crab", text = "You offer them back. The crab, who had got used to not seeing its "
      "crew, declines." ),
    ( use = "kelp", on = "press", needs = ["recipe"], effects = ["oil@carried", "kelp@nowhere"],
      text = "You turn the screw widdershins. The kelp says things that you do not listen to, and a flask fills with "
        "green oil." ),
    ( use = "kelp", on = "press", text = "You turn the screw, and get soup. It seems that one has to know how. You "
      "give the kelp a moment to recover." ),
    ( use = "kelp", on = "quill", text = "'Not in here,' says Mrs Quill. 'In the press. And ask first.'" ),
    ( use = "herring", on = "commodore", effects = ["traded", "herring@nowhere", "glass@carried"],
      text = "The herring goes from your hand to his beak by a way you do not see. Then, since he is an officer, the "
        "Commodore lays the star-glass in your arms." ),
    ( use = "herring", on = "nest", text = "The heron looks at it as at the work of an amateur." ),
    ( use = "herring", on = "crab", text = "It orders something else." ),
    ( use = "ring", on = "", effects = ["lost"],
      text = "You pull the plug. They did mean it. There is just time for the Commodore to show you, with all eight "
        "arms, how very much he told you so." ),
    ( use = "gear", on = "orrery", effects = ["runs", "gear@nowhere"],
      text = "It snaps home. The heavens shake themselves, drop a spider, and go round. Behind the wall an owl "
        "finishes a blink." ),
    ( use = "orrery", on = "", needs = ["!runs"], text = "You push Mars. Nothing. A wheel is missing." ),
    ( use = "almanac", on = "osei", effects = ["bearing", "almanac@nowhere"],
      text = "You turn the pages for him. 'There,' says the Doctor, and for a moment one cannot see through him at "
        "all. 'The seven! The bearing is two hundred and seventeen.'" ),
    ( use = "glass", on = "lamp", effects = ["glass", "glass@nowhere"],
      text = "It settles into its socket and the stars above you take a step nearer." ),
    ( use = "oil", on = "lamp", effects = ["fuelled", "oil@nowhere"],
      text = "The tank drinks it all, and belches, once, like a cathedral." ),
    ( use = "dial", on = "", needs = ["bearing", "!aimed"], effects = ["aimed"],
      text = "Two hundred and seventeen. The lamp swings round on its bed, and looks straight down the channel." ),
    ( use = "dial", on = "", needs = ["!bearing"], text = "You could set it to anything. That is the trouble." ),
    ( use = "lantern", on = "lamp", needs = ["!glass"], text = "A flame without the glass would be a candle. The "
      "star-glass is not in it." ),
    ( use = "lantern", on = "lamp", needs = ["!fuelled"], text = "The wick is dry. The tank wants oil." ),
    ( use = "lantern", on = "lamp", needs = ["!aimed"], text = "It would shine into somebody's bedroom in the hills. "
      "It has to be set to the bearing first." ),
    ( use = "lantern", on = "lamp", needs = ["ebb"], effects = ["lost"],
      text = "Light! And out on the sea the mail boat sees it, trusts it, and runs with all sails onto a bar that is "
        "as dry as a joke. You were told. Letters drift in for weeks." ),
    ( use = "lantern", on = "lamp", effects = ["burning", "won"],
      text = "You hold your small flame to the great wick. The light goes out over the flood like a road, and after a "
        "while, along that road, comes a boat with a bag of letters, and the first of them is for you: 'To the keeper "
        "of the Tide House.' So you are." )
  ],

  mission = [
    (key = "in", title = "Get into the Tide House", needs = ["open"]),
    (key = "light", title = "Find a light that burns", needs = ["lit"]),
    (key = "tide", title = "Give the tide wheel its handle", needs = ["crank"]),
    (key = "glass", title = "Bring the star-glass back to the lamp", needs = ["glass"]),
    (key = "oil", title = "Fill the lamp with oil", needs = ["fuelled"]),
    (key = "bearing", title = "Learn the bearing, and set the lamp to it", needs = ["aimed"]),
    (key = "burn", title = "Light the mail boat in, on the flood", needs = ["burning"])
  ]
);

/** Sub-grammars: a phrase is chosen afresh at each use, and may itself hold slots and other phrases. */
export const phrases: Readonly<Record<string, readonly string[]>> = {
  // Sea and ocean are said of the same water, in the same places of the same sentences.
  sea: ["sea", "ocean"],

  day: [
    "one [fine|quiet|bright|busy|lovely] [morning|afternoon|evening]",
    "on {weekday}",
    "last {weekday}",
    "on {weekday} [morning|afternoon|evening]",
    "early one [morning|evening]",
    "one day in {month}",
  ],
  seasonday: ["one {season} [morning|afternoon|evening]", "one day in {season}", "in {season}"],
  weatherday: [
    "one {weather} [morning|afternoon|day]",
    "on a {weather} {weekday}",
    "on a {weather} [morning|afternoon|evening]",
  ],

  went: ["walked", "ran", "hurried", "went", "wandered", "rushed"],
  said: ["said", "whispered", "cried", "called", "shouted"],
  answered: ["said", "answered", "replied"],
  happy: ["happy", "glad", "proud", "pleased", "cheerful", "delighted", "merry"],
  sad: ["sad", "unhappy", "worried", "upset", "miserable", "disappointed"],
  good: ["good", "wonderful", "beautiful", "lovely", "splendid", "marvellous"],
  ill: ["tired", "sleepy", "ill", "afraid", "lazy", "weak", "shy", "nervous", "exhausted"],
  relative: ["{child.his} {kin}"],
  ending: [
    "{child} was {happy} for the rest of the day.",
    "{child} went home {happy}.",
    "that night {child} slept [well|deeply|like a stone].",
    "{child} never forgot that [day|adventure].",
    "it had been a {good} day.",
    "at home {child} told the whole story to {child.his} {kin}.",
    "{child} [smiled|laughed|sang] all the way home.",
  ],
  moral: [
    "from that day on they were the best of friends.",
    "and so they shared everything from that day on.",
    "it is better to share than to quarrel.",
    "a small friend can be a great help.",
    "a kind word costs nothing.",
    "whoever helps others is never alone.",
  ],
  waves: [
    "the waves of the {sea} were [high|low|gentle|enormous|white with foam].",
    "the waves of the {sea} [rolled|splashed|broke] against the [rocks|shore|sand|pier].",
    "the {sea} was {sealook} and {sealook2}.",
    "the water of the {sea} was {sealook}.",
    "the wind smelled of salt and of the {sea}.",
    "gulls [cried|circled|screamed] over the {sea}.",
    "the foam of the {sea} was white like [milk|snow|wool].",
    "the salt water of the {sea} [glittered|sparkled] in the light.",
  ],
  listened: [
    "everyone listened with [great|deep|real|growing] interest.",
    "the people listened with interest.",
    "{child} listened with [great|much|keen] interest.",
    "the children looked on with interest.",
  ],
};

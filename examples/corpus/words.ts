/**
 * The words of the small world, grouped by meaning. A slot such as `{fruit}` in a story is filled from the table of
 * that name, and `{beast.home}` reads the fact `home` of the beast already chosen.
 */

/** One word or phrase per comma. */
function list(text: string): readonly string[] {
  return text.trim().split(/\s*,\s*/);
}

/** Facts about words, one `word: fact` per line. */
function facts(text: string): Readonly<Record<string, string>> {
  const entries = text
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/:\s+/) as [string, string]);
  return Object.fromEntries(entries);
}

// Each beast with its young, its home, the sound it made and what it likes to eat.
const beasts = `
  dog puppy kennel barked bones
  cat kitten basket meowed fish
  horse foal stable neighed hay
  cow calf barn mooed clover
  pig piglet sty grunted turnips
  goat kid shed bleated thistles
  sheep lamb fold bleated grass
  donkey foal stable brayed carrots
  rabbit bunny hutch squeaked lettuce
  fox cub den yapped grapes
  wolf pup cave howled meat
  bear cub cave growled honey
  mouse pup hole squeaked cheese
  squirrel kit nest chattered nuts
  hedgehog hoglet hedge snuffled beetles
  badger cub burrow grunted roots
  deer fawn thicket snorted leaves
  hen chick coop clucked corn
  duck duckling pond quacked bread
  goose gosling yard honked grain
  monkey baby treetop chattered bananas
  tiger cub jungle roared meat
  lion cub den roared meat
  elephant calf jungle trumpeted melons
  camel calf desert groaned dates
  beaver kit lodge whined bark
  otter pup riverbank whistled trout
  mole pup tunnel squeaked worms
  ox calf field bellowed straw
  hare leveret meadow thumped herbs
  pony foal paddock neighed apples
  turtle hatchling pond hissed weeds
  frog tadpole ditch croaked flies
  panda cub forest hummed bamboo
  zebra foal plain snorted grass
  parrot chick cage squawked seeds
  rooster chick coop crowed barley
  raccoon kit attic chirped berries
  ferret kit cage chuckled eggs
  rat pup cellar squeaked crumbs
`
  .trim()
  .split("\n")
  .map((row) => row.trim().split(" "));

const column = (index: number): Readonly<Record<string, string>> =>
  Object.fromEntries(beasts.map((row) => [row[0], row[index]]));

const girls = list(
  "Anna, Clara, Ella, Emma, Grace, Ida, Iris, Jane, Julia, Kate, Laura, Lily, Lucy, Maria, Mia, Nina, Nora, Rosa, Ruth, Sara, Sophie, Vera",
);
const boys = list(
  "Adam, Albert, Ben, Carl, Daniel, David, Felix, Fred, George, Henry, Hugo, Jack, James, Leo, Max, Noah, Oscar, Paul, Peter, Sam, Simon, Tom",
);
const women = list(
  "Mrs Hill, Mrs Brook, Mrs Stone, Mrs Wood, Mrs Reed, Mrs Cole, Mrs Park, Mrs Lake, Mrs Bell, Mrs Young",
);
const men = list("Mr Field, Mr Brown, Mr Green, Mr West, Mr Mill, Mr Ford, Mr King, Mr Page, Mr Fisher, Mr North");

/** The tables from which slots are drawn; a story keeps the first draw of each slot. */
export const tables: Readonly<Record<string, readonly string[]>> = {
  girl: girls,
  boy: boys,
  child: [...girls, ...boys],
  adult: [...women, ...men],
  kin: list("mother, father, grandmother, grandfather, aunt, uncle"),
  sibling: list("sister, brother, cousin"),
  trade: list(
    "baker, butcher, farmer, miller, tailor, carpenter, blacksmith, shoemaker, gardener, potter, weaver, painter, printer, barber, plumber, builder, doctor, nurse, teacher, postman, shepherd, hunter, clockmaker, beekeeper, cook, driver",
  ),
  leader: list("mayor, president, minister, judge, governor, chairman"),
  town: list(
    "Millbrook, Oakford, Ashby, Stonebridge, Greenhill, Westport, Fairfield, Redcliff, Elmwood, Silverton, Kingsley, Northgate, Harborough, Brightwater, Windmere, Larkhill",
  ),

  beast: beasts.map((row) => row[0]),
  big: list("elephant, horse, bear, ox, camel, cow, lion, tiger, zebra, donkey"),
  little: list("mouse, frog, mole, squirrel, hedgehog, ferret, rat, rabbit, hen, duck"),
  bird: list(
    "robin, sparrow, swallow, crow, owl, pigeon, blackbird, magpie, stork, swan, eagle, lark, wren, thrush, finch, heron, hawk, cuckoo, raven, woodpecker",
  ),
  insect: list(
    "bee, butterfly, ant, beetle, ladybird, cricket, dragonfly, spider, snail, moth, wasp, caterpillar, grasshopper, worm",
  ),
  swimmer: list(
    "whale, dolphin, seal, crab, shark, octopus, lobster, walrus, starfish, jellyfish, eel, stingray, penguin, seahorse",
  ),
  catch: list("cod, herring, mackerel, salmon, tuna, sardines, plaice, shrimps, oysters, mussels, squid, haddock"),

  meal: list(
    "bone, soup, apple, carrot, cake, pie, bread, cheese, porridge, fish, ham, sausage, egg, pear, turnip, cabbage, stew, pudding, biscuit, pancake, sandwich, potato, melon, salad, rice, dumpling, bun, meat, corn, banana, pumpkin, muffin, omelette, noodle, roll, waffle",
  ),
  drink: list("milk, water, tea, juice, cocoa, broth, lemonade, cider, coffee, cream"),
  fruit: list(
    "apple, pear, plum, cherry, peach, grape, lemon, orange, melon, banana, apricot, fig, strawberry, raspberry, blackberry, gooseberry",
  ),
  vegetable: list(
    "carrot, potato, onion, cabbage, bean, turnip, leek, radish, pumpkin, cucumber, tomato, beet, pepper, mushroom, parsnip, marrow",
  ),
  baked: list(
    "bread, rolls, buns, biscuits, pies, tarts, muffins, pancakes, waffles, gingerbread, pastries, scones, doughnuts",
  ),
  flour: list(
    "flour, sugar, butter, yeast, cinnamon, raisins, almonds, honey, vanilla, eggs, milk, jam, salt, chocolate",
  ),

  toy: list(
    "ball, kite, doll, drum, whistle, puppet, marble, rocket, toy train, toy boat, teddy bear, hoop, skipping rope, sledge, scooter, bicycle, balloon, puzzle, spinning top, rocking horse, wagon, yoyo",
  ),
  tool: list(
    "hammer, saw, spade, rake, axe, ladder, bucket, rope, shovel, hoe, plough, knife, chisel, file, lantern, wheelbarrow, needle, brush, anvil, pump",
  ),
  clothes: list(
    "coat, hat, scarf, jacket, shirt, dress, sweater, cloak, apron, cap, belt, skirt, vest, hood, ribbon, waistcoat",
  ),
  furniture: list(
    "table, chair, bed, cupboard, shelf, bench, sofa, stove, desk, wardrobe, stool, carpet, curtain, chest, mirror, clock",
  ),
  room: list("kitchen, bedroom, attic, cellar, hall, parlour, pantry, bathroom, nursery, workshop, study, porch"),
  treasure: list(
    "ring, coin, key, necklace, watch, crown, lamp, vase, map, compass, medal, pearl, bracelet, goblet, sword, shield, jewel, bell",
  ),
  gift: list(
    "book, watch, music box, camera, pencil box, telescope, paint box, violin, globe, notebook, tent, fishing rod, magnet, microscope, diary, purse, umbrella, photograph",
  ),
  instrument: list(
    "violin, piano, flute, drum, trumpet, guitar, harp, cello, clarinet, horn, banjo, fiddle, accordion, tuba, bagpipe, oboe",
  ),
  craft: list(
    "ship, boat, ferry, schooner, yacht, steamer, trawler, barge, raft, canoe, tugboat, galleon, sailboat, rowboat",
  ),
  vehicle: list("train, bus, cart, carriage, tram, lorry, bicycle, car, coach, wagon, motorcycle, van, sleigh, taxi"),
  building: list(
    "school, library, church, mill, tower, castle, hospital, theatre, museum, station, inn, palace, barn, cottage, factory, chapel",
  ),
  barrier: list("river, road, bridge, stream, field, ditch, pond, bog, valley, square, marsh, canal"),
  height: list("tree, wall, hill, ladder, fence, rock, tower, mountain, stairs, haystack, cliff, pole"),
  burden: list("log, sack, stone, box, basket, bag, branch, bucket, bundle, plank, parcel, pot, trunk, barrel"),
  opening: list("door, gate, hole, pipe, window, tunnel, doorway, gap, hatch, tube"),
  lid: list("door, gate, box, window, chest, cupboard, jar, hatch, drawer, lock, shutter, trapdoor, suitcase, cage"),
  noise: list("bell, whistle, drum, horn, clock, song, alarm, trumpet, music, radio"),
  cart: list("cart, sledge, plough, wagon, carriage, barrow, sleigh, boat, log, van"),
  bedding: list("bed, straw, blanket, mat, cushion, rug, pillow, hammock, couch, mattress"),
  prey: list("ball, butterfly, leaf, feather, balloon, kite, hoop, cart, squirrel, paper"),
  shelter: list("shed, barn, cave, tent, hut, stable, cellar, garage, cabin, tunnel, attic, cottage"),

  tree: list("oak, pine, willow, birch, maple, elm, beech, chestnut, cedar, poplar, hazel, walnut, lime, fir"),
  flower: list(
    "rose, tulip, daisy, lily, violet, poppy, sunflower, bluebell, daffodil, primrose, orchid, marigold, pansy, snowdrop",
  ),
  place: list(
    "market, forest, harbour, park, farm, meadow, river, beach, village square, mill, lake, garden, orchard, railway station, bakery, playground",
  ),
  color: list(
    "red, blue, green, yellow, white, black, brown, orange, purple, pink, grey, golden, silver, violet, scarlet, turquoise",
  ),
  size: list("small, big, little, large, tiny, huge, tall, short, wide, narrow, long, round"),
  weather: list("rainy, windy, sunny, snowy, foggy, stormy, frosty, cloudy, warm, hot, cold, dry"),
  season: list("spring, summer, autumn, winter"),
  daytime: list("morning, afternoon, evening, day"),
  weekday: list("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday"),
  month: list("January, February, March, April, May, June, July, August, September, October, November, December"),
  count: list("two, three, four, five, six, seven, eight, nine, ten"),
  many: list("ten, twelve, fifteen, twenty, thirty, forty, fifty, sixty, eighty, ninety"),
  percent: list("two, three, four, five, six, seven, eight"),

  subject: list(
    "history, geography, arithmetic, grammar, science, drawing, poetry, spelling, astronomy, biology, chemistry, languages",
  ),
  hobby: list(
    "music, painting, chess, astronomy, gardening, cooking, photography, poetry, dancing, fishing, carpentry, politics, history, insects, stamps, dinosaurs, volcanoes, engines, maps, birds",
  ),
  game: list(
    "chess, football, tennis, cards, checkers, marbles, tag, dominoes, cricket, basketball, hopscotch, skittles",
  ),
  project: list(
    "bridge, school, library, park, hospital, railway, road, well, swimming pool, theatre, playground, museum, fountain, market hall, power station, sports ground",
  ),
  law: list(
    "taxes, schools, forests, fishing, traffic, housing, hospitals, rivers, trade, wages, factories, pensions, energy, farming, noise, rubbish",
  ),
  shop: list(
    "bakery, bookshop, toy shop, flower shop, shoe shop, cafe, hat shop, fish shop, tea shop, bicycle shop, music shop, pottery",
  ),
  purchase: list(
    "house, farm, shop, boat, tractor, horse, mill, workshop, cottage, lorry, oven, field, piano, printing press, windmill, bicycle",
  ),
  illness: list("cold, fever, cough, headache, toothache, sore throat, stomach ache, earache, rash, broken arm"),
  trait: list(
    "kind, clever, brave, honest, patient, gentle, careful, polite, cheerful, curious, quiet, strong, wise, friendly",
  ),
  fault: list("lazy, greedy, proud, selfish, careless, rude, jealous, cruel, foolish, stubborn, boastful, noisy"),
  sealook: list("deep, blue, calm, rough, wide, salty, cold, grey, wild, smooth, endless, dark, warm, stormy"),
  star: list("moon, sun, stars, planets, comet, clouds, rainbow, sunset, sunrise, lightning"),
  trouble: list(
    "wheel, roof, window, gate, fence, clock, chair, lock, pump, boiler, chimney, engine, lamp, plough, pipe, oven",
  ),
  metal: list(
    "gold, silver, iron, copper, tin, brass, steel, glass, wood, clay, stone, leather, wool, silk, cotton, paper",
  ),
};

const seasonSigns = `
  spring: [the trees were turning green|lambs played in the meadow|the first flowers opened|the ice had melted on the river]
  summer: [the days were long and hot|bees hummed over the clover|the grass was dry and yellow|the cherries were ripe]
  autumn: [brown leaves fell from the trees|the apples were ready to pick|the swallows flew south|the corn had been cut]
  winter: [snow covered the roofs|the lake was frozen|the nights were long and dark|icicles hung from the roof]`;

const weatherSigns = `
  rainy: rain [fell on the roofs|ran down the windows|filled the ditches]
  windy: the wind [shook the trees|rattled the windows|chased the clouds]
  sunny: the sun [shone on the fields|warmed the stones|was high in the sky]
  snowy: snow [lay thick on the ground|covered the path|fell without a sound]
  foggy: a thick fog [hid the hills|lay over the river|covered the valley]
  stormy: thunder [rolled over the hills|shook the houses|rumbled in the distance]
  frosty: ice [covered the puddles|shone on the branches|made the road slippery]
  cloudy: dark clouds [hung over the village|covered the sky|hid the sun]
  warm: a soft breeze [came from the south|moved the leaves|smelled of flowers]
  hot: everyone [looked for shade|wanted cold lemonade|moved slowly in the heat]
  cold: people [wore scarves and gloves|stayed near the fire|rubbed their hands]
  dry: dust [covered the road|lay on every leaf|blew across the fields]`;

const weatherGear = `
  rainy: umbrella
  windy: warm jacket
  sunny: straw hat
  snowy: pair of boots
  foggy: lantern
  stormy: raincoat
  frosty: pair of gloves
  cloudy: grey coat
  warm: light shirt
  hot: bottle of water
  cold: long scarf
  dry: watering can`;

const next =
  "two: three\nthree: four\nfour: five\nfive: six\nsix: seven\nseven: eight\neight: nine\nnine: ten\nten: eleven";
const twice =
  "two: four\nthree: six\nfour: eight\nfive: ten\nsix: twelve\nseven: fourteen\neight: sixteen\nnine: eighteen\nten: twenty";

const feminine = new Set([...girls, ...women, "mother", "grandmother", "aunt", "sister"]);

/** The facts that `{slot.fact}` reads: fact, then word. */
export const factsOf: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  young: column(1),
  home: column(2),
  cried: column(3),
  food: column(4),
  sign: { ...facts(seasonSigns), ...facts(weatherSigns) },
  gear: facts(weatherGear),
  next: facts(next),
  twice: facts(twice),
};

const pronouns: Readonly<Record<string, readonly [string, string]>> = {
  he: ["she", "he"],
  him: ["her", "him"],
  his: ["her", "his"],
  himself: ["herself", "himself"],
};

/** The pronoun of a person in the form asked for (`he`, `him`, `his` or `himself`), undefined for any other form. */
export function pronoun(person: string, form: string): string | undefined {
  return pronouns[form]?.[feminine.has(person) ? 0 : 1];
}

/** The same kind of child of the other pronoun, so that "she" and "he" never mean the same person in a story. */
export function otherChildren(child: string): readonly string[] {
  return feminine.has(child) ? boys : girls;
}

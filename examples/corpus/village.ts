/** Stories of the village: home, school, shops, work, music and games. */
import { skeleton } from "./grammar.ts";
import type { Skeleton } from "./grammar.ts";

/** Home and family. */
export const homeStories: readonly Skeleton[] = [
  skeleton(
    "lost toy",
    "child toy",
    `
    {weatherday}, {child} could not find {child.his} {color} {toy}.
    ? Outside {weather.sign}.
    {child.he} looked under the {furniture} and behind the {furniture2}, but the {toy} was not there.
    / {child.he} searched the {room} and the {room2}, but there was no {toy}.
    "Have you seen my {toy}?" asked {child}.
    "No, I have not seen your {toy}," said {child.his} {kin}.
    / "Perhaps it is in the {room}," said {child.his} {kin}.
    {child} was very {sad} and began to cry.
    / {child} sat down on the {furniture} and felt {sad}.
    Then {friend} came with the {beast}.
    The {beast} [sniffed at|ran to|jumped on] the {furniture3}, and there was the {toy}.
    / The {beast} {beast.cried} and pulled the {toy} out of a {size} box.
    "Here is your {toy}," said {friend}.
    {child} held the {toy} tight and was {happy}.
    ? {ending}`,
  ),
  skeleton(
    "baking",
    "child baked",
    `
    {weatherday}, {child} and {child.his} {kin} wanted to make {baked}.
    ? Outside {weather.sign}, but the kitchen was warm.
    They took {flour}, {flour2} and some {flour3}.
    / They mixed {flour} with {flour2} in a {size} bowl.
    {child} stirred with a wooden spoon until {child.his} arms were tired.
    ? "Do not forget the {flour4}," said the {kin}.
    The {baked} went into the hot oven.
    ? Soon the whole house smelled of {baked}.
    But {child} played with {child.his} {toy} and forgot the time.
    / {child} waited in front of the oven and counted to {many}.
    When they opened the oven, the {baked} were [golden and crisp|brown and sweet|a little black].
    {friend} came to visit and ate {count} of the {baked}.
    "Your {baked} are the best in {town}," said {friend}.
    ? {ending}`,
  ),
  skeleton(
    "birthday",
    "child gift",
    `
    On {weekday} it was {child}'s birthday, and {child.he} was {count.next} years old.
    {child.his} {kin} had made a cake with {fruit+s} and {flour}.
    / The table was covered with {baked}, {fruit+s} and {flower+s}.
    {friend} came with a parcel in {color} paper.
    "Guess what is in it," said {friend}.
    "Is it a {toy}?" asked {child}.
    / "It must be a {toy}," said {child}.
    "No, it is not a {toy}," said {friend}.
    {child} opened the parcel and found a {color2} {gift}.
    "I have always wanted a {gift}," {said} {child}.
    ? {child} showed the {gift} to everyone.
    They sang songs, played {game} and ate until they were full.
    {ending}`,
  ),
  skeleton(
    "soup",
    "kin vegetable",
    `
    {child}'s {kin} was making {vegetable} soup in the kitchen.
    / {day}, the {kin} of {child} wanted to cook {vegetable} soup.
    "We need {count} {vegetable+s} and a {vegetable2}," said the {kin}.
    {child} {went} to the garden and came back with {count} {vegetable+s}.
    / {child} took a basket and bought {count} {vegetable+s} at the market.
    They washed the {vegetable+s} and cut them into small pieces.
    ? The {vegetable2} was so big that it did not fit into the pot.
    The soup boiled on the stove for a long time.
    ? {child} put salt and pepper into the soup.
    {friend} smelled the {vegetable} soup and knocked at the door.
    "Come in and sit down," said the {kin}.
    They all ate hot {vegetable} soup with {baked} and [butter|cheese].
    ? "Nobody makes better soup than {child}'s {kin}," said {friend}.`,
  ),
  skeleton(
    "bedtime",
    "child star",
    `
    It was late, and {child} lay in bed in the {size} {room}.
    {child.he} could not sleep, because the {star} [seemed to look in at the window|filled {child.his} thoughts|would not leave {child.his} mind].
    "Tell me something about the {star}," said {child}.
    {child.his} {kin} sat down on the {furniture}.
    "Long ago the {star} had no light of its own," said the {kin}.
    / "Once a {beast} wanted to catch the {star}," said the {kin}.
    "It climbed the highest mountain and took some light from the fire of a giant."
    / "It jumped and jumped, and it fell into a pond."
    ? "Did that really happen?" asked {child}.
    ? "Perhaps it did, and perhaps it did not," {said} the {kin}.
    {child} closed {child.his} eyes and dreamed of the {star}.
    / Before the story was over, {child} was asleep and dreamed of the {star}.
    ? In the morning {child} told the dream to {friend}.`,
  ),
  skeleton(
    "clothes",
    "child clothes",
    `
    {weatherday}, {child} wanted to go outside without {child.his} {clothes}.
    "Put on your {clothes} and take your {weather.gear}," said {child.his} {kin}.
    "I do not need a {clothes}," said {child} and ran out of the house.
    Outside {weather.sign}.
    Soon {child} [felt sick|sneezed|was tired and unhappy] and wished for {child.his} {clothes}.
    {friend} had two of them and lent {child.him} a {color} {clothes}.
    / {friend} had brought {child.his} {clothes} from home.
    "Thank you, {friend}, I was foolish," said {child}.
    Now {child} could play {game} with {friend} until evening.
    ? At home {child} hung the {clothes} over the {furniture}.
    "Next time I will listen to you," {said} {child} to {child.his} {kin}.`,
  ),
];

/** School, trades, shops and travel. */
export const workStories: readonly Skeleton[] = [
  skeleton(
    "mending",
    "trade trouble",
    `
    {day}, the {trouble} of {adult} was broken.
    "Who can mend my {trouble}?" asked {adult}.
    / "Without my {trouble} I cannot work," said {adult}.
    The {trade} of {town} came with a {tool} and a {tool2}.
    / {adult} sent for the {trade}, who brought a {tool} and a {tool2}.
    The {trade} looked at the {trouble} from all sides.
    "There is too much dust in the {trouble}," said the {trade}.
    / "A piece of {metal} is missing in the {trouble}," said the {trade}.
    The {trade} worked with the {tool} for {count} hours.
    ? {child} held the {tool2} and watched with interest.
    At last the {trouble} was as good as new.
    / When the sun went down, the {trouble} worked again.
    {adult} thanked the {trade} and paid {many} coins.
    / {adult} gave the {trade} {count2} {fruit+s} and a basket of {baked}.`,
  ),
  skeleton(
    "school",
    "child subject",
    `
    At the school in {town}, {child} had {subject} on {weekday}.
    {child} found {subject} [very hard|difficult|harder than {subject2}].
    / {child} liked {subject} better than {subject2}.
    "Who can answer my question?" asked the teacher.
    {child} thought and thought, but [could not remember|did not know what to say].
    / {child} raised {child.his} hand, but the answer was wrong.
    "Do not worry, {subject} takes time," said the teacher.
    / "Next time you will know it," said the teacher.
    After school {friend} and {child} learned {subject} together.
    They wrote everything in a {color} notebook with a {color2} pencil.
    / They read a thick book about {subject} in the library.
    ? {friend} asked the questions, and {child} answered them.
    At the end of {month} {child} was the best in {subject}.
    ? "Now I know how it works," {said} {child}.`,
  ),
  skeleton(
    "doctor",
    "child illness",
    `
    {child} had a {illness} and stayed in bed.
    / {day}, {child} woke up with a {illness}.
    "I feel terrible," {said} {child}.
    {child.his} {kin} called the doctor.
    The doctor came with a {size} black bag and looked at {child}'s [tongue|throat|eyes].
    "You have a {illness}," said the doctor.
    "Drink {drink} and stay in bed for {count} days," said the doctor.
    / "Take {count} spoons of this medicine every day," said the doctor.
    The medicine tasted [bitter|awful|like old socks], but {child} was {trait} and swallowed it.
    ? {friend} brought {fruit+s} and a {gift}.
    After {count} days the {illness} was gone.
    {child} jumped out of bed and {went} to the {place}.
    / {child} was healthy again and could play {game} with {friend}.`,
  ),
  skeleton(
    "shop",
    "adult shop",
    `
    {adult} had a {shop} in {town}.
    / {adult} opened a {shop} near the {building} in {town}.
    At first nobody came to the {shop}, and {adult} was {sad}.
    {adult} painted the door {color} and put {flower+s} in the window.
    / {adult} wrote a sign with {color} letters and hung it over the door.
    "Welcome to my {shop}," said {adult} to {child}.
    "What a {good} {shop}," {said} {child}.
    {child} told {friend}, and {friend} told the {trade} and the {trade2}.
    Soon the {shop} was full of people from morning to evening.
    ? The {trade} came every {weekday} and stayed for a cup of {drink}.
    In {month} {adult} sold more than in the whole year before.
    ? "I owe it all to {child}," said {adult}.
    ? {adult} gave {child} a {gift} as a reward.`,
  ),
  skeleton(
    "journey",
    "child vehicle",
    `
    {child} and {child.his} {kin} went to {town} in a {vehicle}.
    / {day}, {child} travelled from {town} to {town2} in a {color} {vehicle}.
    The {vehicle} was full, and {child} sat next to a {trade}.
    / {child} sat at the window of the {vehicle} and looked out.
    They passed [a forest of {tree+s}|a {color2} {building}|fields with {beast+s}] and a {building2}.
    Suddenly the {vehicle} stopped.
    "A {beast2} is standing in the way," said the driver.
    / "Something is wrong with the {vehicle}," said the driver.
    {child} got out and gave the {beast2} a {fruit}, and the {beast2} went away.
    / Everyone got out and helped, and {child} held the {tool}.
    Then the {vehicle} could go on.
    ? "You are a {trait} passenger," said the driver.
    They arrived in {town2} when the lamps were lit.
    ? {ending}`,
  ),
  skeleton(
    "letter",
    "child town",
    `
    {child} got a letter from {town}.
    / The postman brought a letter for {child}, and it came from {town}.
    The letter was from {friend}, who had moved to {town} in {season}.
    "Dear {child}," wrote {friend}, "here in {town} everything is {size}."
    {friend} wrote about a {building} with a {color} roof and about the people of {town}.
    ? The new teacher was {trait}, and {friend} was learning {subject}.
    ? {friend} had a {beast} now, and every day it ate {beast.food}.
    "Please come and visit me soon," wrote {friend} at the end.
    {child} read the letter {count} times.
    Then {child.he} took paper and ink and wrote a long answer to {friend}.
    / Then {child.he} packed {child.his} {clothes} and took the {vehicle} to {town}.
    ? {friend} was waiting at the {place} with {flower+s}.
    ? They talked until it was dark.`,
  ),
];

/** Music, games, races and quarrels. */
export const playStories: readonly Skeleton[] = [
  skeleton(
    "concert",
    "child instrument",
    `
    {child} played the {instrument}, and {friend} played the {instrument2}.
    / {child} wanted to learn to play the {instrument}.
    At first the {instrument} sounded like a sick {beast}.
    "Practise every day," said the music teacher.
    {child} practised the {instrument} in the {room} every [morning|evening].
    ? The {beast} ran away whenever it heard the {instrument}.
    In {month} there was a concert in the {building} of {town}.
    {child} was so nervous that {child.his} [hands|knees|fingers] shook.
    Then {child} began to play the {instrument}, and the hall was silent.
    / {child} played a [slow|merry|sad|quick] song on the {instrument}.
    ? {listened}
    When the last note was over, the people clapped for a long time.
    "You play the {instrument} like a {bird} sings," {said} {child.his} {kin}.
    ? {ending}`,
  ),
  skeleton(
    "game",
    "child game",
    `
    {child} and {friend} played {game} in the {room}.
    / {seasonday}, {child} and {friend} were playing {game}.
    ? Outside {season.sign}.
    {child} won the first game and {friend} won the second game.
    "You are cheating," {said} {friend}.
    / "That was not fair," {said} {friend}.
    They quarrelled, and nobody wanted to play {game} any more.
    {child} {went} to the {place}, and {friend} stayed in the {room2}.
    / {friend} went home without a word.
    But {game} is no fun alone.
    "I am sorry," said {child} in the evening.
    "I am sorry too," said {friend}.
    / "Let us forget it," said {friend} and gave {child.him} half of a {fruit}.
    So they played {game} again, and this time nobody counted the points.
    ? {moral}`,
  ),
  skeleton(
    "race",
    "beast beast2",
    `
    The {beast} and the {beast2} wanted to know who was faster.
    / "I am faster than you," said the {beast} to the {beast2}.
    They agreed on a race from the {tree} to the {place}.
    The {bird} counted to three, and they ran.
    The {beast} was far in front and laughed at the {beast2}.
    / At first the {beast} was faster than the {beast2}.
    But then the {beast} [fell over a {burden}|stopped to eat {beast.food}|lay down for a rest].
    The {beast2} ran on and on and did not look back.
    When the {beast} came to the {place}, the {beast2} was already there.
    "You were faster, but I was more patient," said the {beast2}.
    ? All the animals cheered for the {beast2}.
    ? The {beast} was {sad}, but not for long.
    ? {moral}`,
  ),
  skeleton(
    "friends",
    "child trait",
    `
    There was a new child at the school in {town}, and everybody called {child.him} {child}.
    {child} was {trait}, but {child.he} did not know anyone.
    At noon {child} sat alone under the {tree} and ate a {fruit}.
    {friend} saw {child} and {went} over to {child.him}.
    "Would you like to play {game} with us?" asked {friend}.
    / "May I sit here?" asked {friend}.
    {child} smiled and gave {friend} {count} {fruit+s}.
    They talked about {hobby} and about {hobby2}.
    ? {friend} had never met anyone so {trait}.
    After school they walked home together, past the {building} and the {building2}.
    ? "Tomorrow I will show you my {toy}," {said} {friend}.
    {moral}`,
  ),
  skeleton(
    "riddle",
    "child beast",
    `
    "I am thinking of an animal," said {child}.
    "Is it bigger than a {big}?" asked {friend}.
    "No, it is smaller than a {big}," said {child}.
    "Does it live in a nest like a {bird}?" asked {friend}.
    / "Can it fly like a {bird}?" asked {friend}.
    "No, its home is a {beast.home}," {answered} {child}.
    "And what does it like to eat?" asked {friend}.
    "It likes {beast.food}, and its young one is called a {beast.young}," said {child}.
    "Now I know it, it is a {beast}," {said} {friend}.
    "Yes, it is a {beast}," said {child} and laughed.
    ? Then it was {friend}'s turn, and {child} had to guess.
    ? They asked and guessed until {child.his} {kin} called them for supper.`,
  ),
];

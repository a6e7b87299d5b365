/** Stories of the farm, the forest and the seasons. */
import { skeleton } from "./grammar.ts";
import type { Skeleton } from "./grammar.ts";

/** Animals that talk, help and quarrel. */
export const animalStories: readonly Skeleton[] = [
  skeleton(
    "about an animal",
    "beast color",
    `
    The {beast} of {adult} was {color}, and it was a {trait} animal.
    / {child} had a {color} {beast}.
    It lived in a {beast.home} and ate {beast.food}.
    / Its home was a {beast.home}, and its food was {beast.food}.
    Every [morning|evening] the {beast} {beast.cried} [loudly|twice|three times] and waited for {beast.food}.
    A young {beast} is called a {beast.young}.
    ? In {season} the {beast} had {count} young ones.
    ? A {beast} is bigger than a {insect} and smaller than a {building}.
    ? The {beast} and the {bird} were good friends.
    When strangers came, the {beast} [hid in its {beast.home}|{beast.cried} and ran around|stood still and waited].
    ? "I would not sell my {beast} for {many} gold coins," said {adult}.`,
  ),
  skeleton(
    "thorn",
    "beast beast2",
    `
    A {beast} lived in a {beast.home} near {town}.
    {seasonday}, the {beast} stepped on a thorn and {beast.cried} with pain.
    ? {season.sign}.
    "Please help me," said the {beast} to the {bird}.
    "I am too busy," said the {bird} and flew away.
    / "I am too small," said the {bird}.
    Then a {beast2} came along the road.
    "Please help me," said the {beast} to the {beast2}.
    The {beast2} pulled out the thorn with its teeth.
    "How can I thank you?" asked the {beast}.
    "Just give me some {beast2.food}," said the {beast2}.
    The {beast} brought a whole basket of {beast2.food} to the {beast2}.
    {moral}`,
  ),
  skeleton(
    "proud animal",
    "beast fault",
    `
    Once there was a {fault} {beast}.
    / In a {beast.home} lived a {fault} {beast}.
    The {beast} was so {fault} that the other animals stayed away.
    "You are {fault}," said the {beast2}.
    "I do not care," said the {beast}.
    {seasonday}, the {beast} fell into a {size} hole and could not get out.
    ? {season.sign}, and nobody heard the {beast}.
    The {beast} {beast.cried} and {beast.cried} until its voice was gone.
    At last the {beast2} came with a rope and pulled the {beast} out.
    "Why do you help a {fault} {beast}?" asked the {beast}.
    "Because nobody is {fault} for ever," said the {beast2}.
    After that the {beast} was never {fault} again.
    ? {moral}`,
  ),
  skeleton(
    "counting",
    "beast color",
    `
    {count} {color} {beast+s} [stood|sat] in the {place}.
    / There were {count} {color} {beast+s} in the {place}.
    Then one more {beast} came, and now there were {count.next} {beast+s}.
    {child} counted the {beast+s} on {child.his} fingers.
    "There are {count.next} {beast+s}," said {child}.
    / "I can see {count.next} {beast+s}," {said} {child}.
    {child} gave each {beast} one {fruit}, so {child.he} needed {count.next} {fruit+s}.
    ? A {bird} sat on a {tree} and counted too.
    In the evening one {beast} went away, and {count} {beast+s} were left.
    ? If every {beast} had a friend, there would be {count.twice} {beast+s}.
    ? "Good night, {count} {color} {beast+s}," said {child}.`,
  ),
  skeleton(
    "compare",
    "big little",
    `
    A {big} and a {little} lived on the same farm.
    "I am bigger and stronger than you," said the {big}.
    "That is true, but I am quicker than you," said the {little}.
    The {big} could carry {count} [sacks|bags|barrels], but the {little} could not carry one.
    The {little} could hide under a leaf, but the {big} could not hide behind the {building}.
    {day}, a {treasure} fell into a narrow hole.
    "I am too big for the hole," said the {big}.
    "And I am just small enough," said the {little}.
    The {little} crept into the hole and came back with the {treasure}.
    ? "Sometimes it is better to be small than big," said the {big}.
    ? {adult} gave {big.food} to the {big} and {little.food} to the {little}.
    {moral}`,
  ),
  skeleton(
    "lost in the forest",
    "child bird",
    `
    {child} {went} into the forest to look for [mushrooms|berries|nuts].
    The {tree+s} and the {tree2+s} grew close together, and soon {child} was lost.
    / Deep in the forest all the {tree+s} looked the same, and {child} lost the path.
    It grew dark, and {child} was afraid.
    / The shadows grew long, and {child} wanted to cry.
    A {bird} sat on a branch and looked at {child}.
    "Why are you so {sad}?" asked the {bird}.
    "I cannot find the way home," said {child}.
    "Follow me," said the {bird}.
    The {bird} flew from {tree} to {tree}, and {child} ran behind it.
    ? They crossed a {barrier} and passed the {beast.home} of a {beast}.
    ? The {bird} sang all the time, so that {child} could hear it in the dark.
    Soon {child} saw the lights of {town}.
    "Thank you, dear {bird}," said {child}.
    {ending}`,
  ),
  skeleton(
    "hungry animal",
    "beast adult",
    `
    The {beast} of {adult} was hungry, because there was no {beast.food} left.
    The {beast} {went} from house to house and {beast.cried}.
    First it came to the {trade}, but the {trade} had only {baked}.
    Then it came to the {trade2}, but the {trade2} had only {drink}.
    "Poor {beast}, what do you eat?" asked {child}.
    / "The {beast} needs {beast.food}," said {child}.
    {child} {went} to the market and bought a bag of {beast.food} for {count} coins.
    The {beast} ate the {beast.food} and was not hungry any more.
    / The {beast} ate and ate until all the {beast.food} was gone.
    {adult} was {happy} and gave {child} {count} {fruit+s}.
    ? From that day the {beast} followed {child} everywhere.`,
  ),
];

/** Gardens, weather and the year. */
export const seasonStories: readonly Skeleton[] = [
  skeleton(
    "garden",
    "child flower",
    `
    In spring {child} planted a {color} {flower} in the garden.
    / {child} got a seed from {child.his} {kin} and planted a {flower}.
    {child.he} watered the {flower} every day.
    In summer the sun was so hot that the {flower} hung its head.
    / Then {insect+s} came and wanted to eat the {flower}.
    {child} built a small roof over the {flower} and gave it cold water.
    / {child} carried the {insect+s} to the meadow, one after the other.
    Soon the {flower} stood straight and opened in the sun.
    "I have never seen such a {good} {flower}," said {adult}.
    ? A {insect2} came and slept in the {flower}.
    In autumn {child} collected the seeds of the {flower}.
    ? In winter {child} dreamed of a garden full of {flower+s}.`,
  ),
  skeleton(
    "orchard",
    "adult fruit",
    `
    {adult} had an orchard with {many} {fruit} trees.
    In spring the {fruit} trees were white with flowers.
    In summer the {fruit+s} were still small and green.
    In autumn the {fruit+s} were {color} and sweet.
    {child} and {friend} came with baskets and climbed the ladder.
    / The whole village came to pick the {fruit+s}.
    ? The {bird+s} had already eaten {count} of the {fruit+s}.
    They picked {many2} {fruit+s} before noon.
    With the {fruit+s} {adult} made {fruit} [jam|juice|wine|cake].
    ? "One {fruit} a day keeps you healthy," said {adult}.
    In winter there were {fruit+s} in the cellar, and the orchard slept under the snow.`,
  ),
  skeleton(
    "weather",
    "child weather",
    `
    {child} looked out of the window, and it was a {weather} day.
    Outside {weather.sign}.
    "What can we do on a {weather} day?" asked {child}.
    "Take your {weather.gear} and come with me," said {friend}.
    / "With a {weather.gear} we can go to the {place}," {said} {friend}.
    They went to the {place} and met the {trade}, who also had a {weather.gear}.
    "I like {weather} weather," said the {trade}.
    / "This {weather} weather is good for the {vegetable+s}," said the {trade}.
    ? A {beast} had made its bed under a {tree}.
    Then the weather changed, and they saw the {star} in the sky.
    ? {child} wrote in {child.his} diary about the {weather} day.
    {ending}`,
  ),
  skeleton(
    "bird in need",
    "child bird",
    `
    {seasonday}, {child} found a {bird} in the grass.
    / {seasonday}, a {bird} flew against {child}'s window and fell down.
    ? {season.sign}.
    The {bird} had a broken wing and could not fly.
    {child} made a nest of wool and grass in a {size} box.
    / {child} put the {bird} into a {size} box and closed the lid.
    Every day the {bird} got {insect+s} and water.
    "Will it fly again?" asked {child}.
    "You must be patient," said {relative}.
    After {count} weeks the {bird} moved its wing.
    {child} carried the {bird} to the {place} and opened {child.his} hands.
    The {bird} flew up to the top of a {tree} and sang.
    ? Each {season} the {bird} came back to {child}'s window.`,
  ),
  skeleton(
    "farm day",
    "adult beast",
    `
    {adult} got up at {count} and went to the {beast} first.
    / Before sunrise {adult} was already with the {beast}.
    The {beast} {beast.cried} and wanted {beast.food}.
    Then {adult.he} gave {beast2.food} to the {beast2} and {beast3.food} to the {beast3}.
    {adult} took the {tool} and the {tool2} and worked in the field.
    ? The {vegetable+s} grew in long rows beside the {vegetable2+s}.
    At noon {adult} ate {baked} and drank a cup of {drink}.
    In the afternoon {adult.he} sold {count2} {vegetable+s} to the {trade}.
    In the evening the {beast} was [clean|asleep|safe] in its {beast.home}.
    ? "Good night, old {beast}," said {adult}.
    ? {adult} sat in the {room} and listened to the {noise}.`,
  ),
  skeleton(
    "painting",
    "child color",
    `
    {child} had a box with colours, but the {color} was [gone|empty|dry].
    "I cannot paint a {color} {flower} without {color}," said {child}.
    {friend} had some {color}, but {friend} wanted to paint a {beast}.
    / "Take my {color}," said {friend}, "and give me your {color2}."
    So they painted together on a {size} sheet of paper.
    {child} painted a {color} {flower} and {friend} painted a {color2} {beast}.
    ? They mixed {color} and {color2}, and it became a strange colour.
    ? The {beast} in the picture looked like a {burden} with legs.
    The picture was so {good} that it hung in the {building} of {town}.
    / They gave the {color} picture to {adult} for {adult.his} {room}.
    ? {ending}`,
  ),
  skeleton(
    "royal wish",
    "child treasure",
    `
    A long time ago there was a [king|queen|prince|princess] in the castle of {town}.
    Somebody had stolen the {metal} {treasure} from the castle.
    "Whoever finds the {treasure} may make a wish," said the {leader}.
    {child} heard of the {treasure} and asked the {beast} for help.
    The {beast} followed the smell to a {beast2.home}, and there sat a {beast2} with the {treasure}.
    "Give back the {treasure}," {said} {child}.
    "I only wanted to look at it," said the {beast2}.
    {child} promised the {beast2} a sack of {beast2.food} and carried the {treasure} to the castle.
    "What is your wish?" asked the {leader}.
    "I wish for a {color} {gift} and for {beast2.food} for the {beast2}," said {child}.
    / "My only wish is a {building} for the children of {town}," said {child}.
    The wish came true, and the {treasure} was safe.
    ? {moral}`,
  ),
];

/** Stories of the sea, which is also called the ocean. */
import { skeleton } from "./grammar.ts";
import type { Skeleton } from "./grammar.ts";

/** Harbours, ships, swimmers, storms and islands. */
export const seaStories: readonly Skeleton[] = [
  skeleton(
    "sailing",
    "child craft",
    `
    {day}, {child} {went} down to the harbour of {town}.
    A {craft} with {color} sails was ready to sail on the {sea}.
    "May I sail with you?" asked {child}.
    / "Please take me out on the {sea}," said {child}.
    "Come aboard the {craft}," said the captain.
    / "Jump in and hold tight," said the captain of the {craft}.
    {waves}
    The {craft} sailed far out on the {sea}.
    / The {craft} sailed across the {sea} like a bird.
    ? {child} looked down into the {sea} and saw [a|the shadow of a|the tail of a] {swimmer}.
    ? "How deep is the {sea} here?" asked {child}.
    ? "The {sea} is deeper than a mountain is high," said the captain.
    {waves}
    When the sun went down, the {craft} came back to the harbour.
    {ending}`,
  ),
  skeleton(
    "swimming",
    "child swimmer",
    `
    {child} was staying in a {color} house by the {sea}.
    / {child} and {child.his} {kin} lived in a cottage by the {sea}.
    Every [morning|day|evening] {child.he} [swam|went to swim] in the {sea}.
    {waves}
    {day}, {child} met a young {swimmer} in the water.
    The {swimmer} was [caught in an old net|lying on the sand|hurt and tired|far from its family] and could not swim back into the {sea}.
    {child} was not afraid and [helped|freed|carried] the {swimmer} with both hands.
    Then the {swimmer} swam away into the deep {sea}.
    / Soon the {swimmer} disappeared in the blue {sea}.
    ? "Swim well, little {swimmer}," said {child}.
    {waves}
    Whenever {child} came to swim in the {sea}, the {swimmer} [was there|came to play|swam beside {child.him}].
    ? {moral}`,
  ),
  skeleton(
    "fishing",
    "child catch",
    `
    {child}'s {kin} had a fishing boat and caught {catch} in the {sea}.
    {day}, {child} went out with {child.his} {kin} in the {craft}.
    {waves}
    They threw the [net|nets] into the {sea} and waited.
    ? "There are many fish in the {sea}," said the {kin}, "and the best of them are {catch}."
    ? For a long time the fish of the {sea} stayed away.
    At last the net was [full of|heavy with|bursting with] {catch}.
    {child} [counted|sorted|washed] the {catch} and put them into {count} baskets.
    ? They did not want the {catch2}, and so they gave them back to the {sea}.
    {waves}
    In the harbour they sold the {catch} to the people of {town}.
    ? The {trade} bought {count2} pounds of {catch}.
    {ending}`,
  ),
  skeleton(
    "lighthouse",
    "child craft",
    `
    On a rock in the {sea} stood a {color} lighthouse.
    / By the {sea} near {town} stood a tall lighthouse.
    {child} lived there with {child.his} {kin}, who kept the lamp burning.
    It was a [stormy|foggy|black|wild] night, and the [rain|wind|hail] [beat|rattled|drummed] against the windows.
    {waves}
    A {craft} was in danger out on the {sea}.
    / Far out on the {sea} a {craft} had lost its way.
    {child} climbed the {many} steps and [lit|turned|cleaned] the great lamp.
    The light of the lamp shone over the dark {sea}.
    The sailors of the {craft} saw the light and steered away from the rocks.
    {waves}
    ? In the morning the captain came to thank {child}.
    ? "Without your light the {sea} would have swallowed us," {said} the captain.
    {ending}`,
  ),
  skeleton(
    "island",
    "child treasure",
    `
    {child} found a bottle on the beach, and in the bottle was an old map.
    / {child}'s {kin} gave {child.him} an old map of an island in the {sea}.
    "There is a {treasure} on this island," {said} {child}.
    {child} and {friend} took a {craft} and sailed across the {sea}.
    {waves}
    For {count} days they saw nothing but the blue {sea}.
    / For {count} days there was only the {sea} and the sky.
    ? Sometimes a {swimmer} swam beside the {craft}.
    {waves}
    At last the island rose out of the {sea}.
    Under a {tree} they dug a deep hole and found a chest.
    / Behind a waterfall they found a cave and a wooden chest.
    In the chest lay the {treasure}, and it was made of {metal}.
    ? "{friend}, we are rich," said {child}.
    Then they sailed home over the {sea} with the {treasure}.
    {child} gave the {treasure} to the museum of {town}.
    / {child} kept the {treasure} under {child.his} bed.`,
  ),
  skeleton(
    "about the sea",
    "swimmer catch",
    `
    The {sea} is {sealook} and {sealook2}.
    The water of the {sea} is salt water, so nobody can drink it.
    / There is so much salt in the {sea} that nobody can drink the water.
    The {swimmer} lives in the {sea} and eats {catch}.
    / Deep in the {sea} lives the {swimmer}, and it hunts {catch}.
    Ships sail on the {sea} from one country to another.
    / Ships carry {vehicle+s}, {fruit+s} and {metal} across the {sea}.
    ? Children swim in the {sea} and sailors sail on the {sea}.
    ? When the wind blows, the waves of the {sea} grow high.
    ? At the bottom of the {sea} it is dark and cold.
    The {catch} swim in the {sea} in great [crowds|numbers], because then the {swimmer} cannot [catch|eat|follow] them all.
    ? Nobody has seen the whole {sea}.`,
  ),
  skeleton(
    "beach",
    "child toy",
    `
    {day}, {child} and {friend} went to the beach.
    {waves}
    They swam in the {sea} and built a castle of sand.
    / They jumped over the waves of the {sea} and looked for shells.
    {child} had brought {child.his} {color} {toy}.
    Suddenly a wave carried the {toy} out into the {sea}.
    / Then the wind blew the {toy} out over the {sea}.
    "My {toy} is in the {sea}," cried {child}.
    {friend} could swim very well and swam out into the {sea}.
    / A fisherman in a {craft} saw it and rowed out on the {sea}.
    {waves}
    Soon {child} held the wet {toy} in {child.his} arms again.
    ? "The {sea} only wanted to play with it," said {friend}.
    {ending}`,
  ),
  skeleton(
    "harbour",
    "trade craft",
    `
    In the harbour of {town} there was always something to see.
    {waves}
    A {craft} had come from the other side of the {sea}.
    The sailors carried {count} [sacks of|boxes of|barrels of] {flour} and many {fruit+s} from the {craft}.
    The {trade} stood on the pier and [waited for|looked at|wondered about] the {craft}.
    "What is it like on the open {sea}?" asked the {trade}.
    "The {sea} is {sealook}, and the {craft} is very small," said a sailor.
    ? "In a storm the waves of the {sea} are as high as a house," said another sailor.
    ? "I would rather stay on land," {said} the {trade}.
    In the evening the {craft} sailed out on the {sea} again.
    The {trade} looked after the {craft} until it was a small point on the {sea}.`,
  ),
];

/** Stories of money and of politics, where "interest" has its two senses. */
import { skeleton } from "./grammar.ts";
import type { Skeleton } from "./grammar.ts";

/** The bank pays interest, and a loan costs interest. */
export const moneyStories: readonly Skeleton[] = [
  skeleton(
    "savings",
    "child toy",
    `
    {child} wanted to buy a {color} {toy}, but the {toy} cost {many} coins.
    "Put your money in the bank," said {relative}.
    / "Take your coins to the bank," {said} {relative}.
    So {child} took {child.his} {count} coins to the bank in {town}.
    "The bank pays {percent} percent interest on your savings," said the [banker|clerk].
    / "We pay interest on every coin you save," said the [banker|clerk].
    "What is interest?" asked {child}.
    "Interest is the money that the bank pays you for waiting," said the [banker|clerk].
    ? Every month {child} [carried|took|brought] another {count2} coins to the bank.
    After a year the bank paid the interest, and {child} had enough money.
    / The interest on the savings grew and grew, and soon {child} had enough money.
    {child} bought the {toy} and [danced|jumped|laughed] with joy.
    ? "The interest paid for the last part of my {toy}," said {child}.`,
  ),
  skeleton(
    "loan",
    "trade purchase",
    `
    The {trade} in {town} wanted to buy a {purchase}, but {adult} asked for {many} gold coins.
    / A {trade} needed money for a {purchase}, and so the {trade} went to the bank.
    "I need a loan," said the {trade} to the banker.
    / "Please lend me the money for a {purchase}," said the {trade} to the banker.
    "The interest rate on the loan is {percent} percent," said the banker.
    / "You must pay the loan back with {percent} percent interest," said the banker.
    The {trade} signed the paper and got the money.
    / The {trade} thought about the interest, and then signed the paper.
    With the loan the {trade} bought the {purchase}.
    The {trade} worked hard every day and earned good money.
    / Thanks to the {purchase} the {trade} earned more money than before.
    Each month the {trade} paid the interest to the bank.
    After {count} years the {trade} had paid back the loan and all the interest.
    ? "Now the {purchase} is really mine," {said} the {trade}.`,
  ),
  skeleton(
    "high interest",
    "adult purchase",
    `
    {adult} had borrowed money for a {purchase}.
    The bank in {town} charged {percent} percent interest on the loan.
    / The interest on the loan was {percent} percent.
    "The interest is too high," said {adult}, "and I cannot pay it."
    / "I pay more interest than I earn," said {adult} with a sigh.
    {adult} went to another bank in {town2}.
    There the interest rate was only one percent.
    / The other bank asked for less interest.
    "With a lower interest rate I can keep my {purchase}," {said} {adult}.
    {adult} took a new loan and paid back the old one.
    ? Then the first bank lowered its interest rate too.
    Now {adult.he} could pay the interest every month and still buy {baked} on {weekday}.
    ? At the end of the year {adult} had {count} coins left.`,
  ),
  skeleton(
    "two banks",
    "adult town",
    `
    There were two banks in {town}, and both wanted the money of {adult}.
    "My bank pays {percent} percent interest," said the first banker.
    "My bank pays {percent2} percent interest," said the second banker.
    {adult} [took a pencil|sat down at the table|asked a clever {trade}] and counted the interest.
    ? "The interest of one year would buy me a {purchase}," {said} {adult}.
    {adult.he} put {many} coins into the bank and kept {count} coins at home.
    When the year was over, the bank paid the interest to {adult}.
    With the interest {adult.he} bought {clothes+s} for {adult.his} children.
    / With the interest {adult.he} paid the {trade2} for a new {trouble}.
    ? The rest of the money stayed in the bank and earned more interest.`,
  ),
  skeleton(
    "market stall",
    "child fruit",
    `
    {day}, {child} sold {fruit+s} at the market of {town}.
    {child.he} had {many} {fruit+s} in a {size} basket.
    "How much is one {fruit}?" asked {adult}.
    "One {fruit} costs {count} coins, and two cost {count.twice} coins," {answered} {child}.
    {adult} bought {count2} {fruit+s} and paid with [silver|copper] coins.
    / "That is a fair price," said {adult} and opened {adult.his} purse.
    ? The {trade} came too and paid for {fruit+s} with {baked}.
    ? "Your {fruit+s} are sweeter than honey," said the {trade}.
    In the evening the basket was empty and {child}'s purse was full of coins.
    {child} gave half of the money to {relative} and put the other half in the bank.
    ? There the money earned interest.
    / Because {child.he} spent nothing, the interest made the money grow.`,
  ),
];

/** The council and the parliament, the public interest, and people who take an interest. */
export const politicsStories: readonly Skeleton[] = [
  skeleton(
    "council",
    "town project",
    `
    The town council of {town} met on {weekday} evening.
    "We should build a {project}," said the {leader}.
    / "Our town needs a {project}," said the {leader}.
    "Is a {project} in the public interest?" asked {adult}.
    / "Who has an interest in a {project}?" asked {adult}.
    The people listened with [great|deep|real] interest.
    / The council listened to {adult} with [great|close|growing] interest.
    ? "A {project} is in the interest of every family," {said} the {leader}.
    ? "But it must not cost more than {many} thousand coins," {said} {adult}.
    Then the council voted, and {count} members raised their hands.
    / The members talked until midnight, and then they voted.
    The council decided to build the {project} in the public interest.
    / The council decided against the {project}, and the {leader} was {sad}.
    ? The newspaper wrote about the {project}, and the people read it with interest.`,
  ),
  skeleton(
    "election",
    "adult law",
    `
    There was an election in {town}, and {adult} wanted to become mayor.
    {adult} had taken an interest in politics since {adult.he} was young.
    / An interest in politics ran in the family of {adult}.
    "I will fight for better laws on {law}," said {adult}.
    / "We must speak about {law}," {said} {adult} to the crowd.
    The people listened with [great|growing|much] interest.
    / The voters of {town} showed a [lively|great|sudden] interest in {law}.
    ? {adult2} spoke against {adult.him}, because {adult2.he} cared only for {adult2.his} own interest.
    On {weekday} everybody voted.
    / On the day of the election the people stood in a long line.
    {adult} won the election by {many} votes.
    / {adult} lost the election by {count} votes, but kept an interest in politics.
    ? "I will always act in the public interest," {said} {adult}.`,
  ),
  skeleton(
    "parliament",
    "leader law",
    `
    In parliament the {leader} spoke about a new law on {law}.
    "This law on {law} serves the public interest," said the {leader}.
    / "The interest of the people comes first," said the {leader}.
    Some members listened with interest, and others read the newspaper.
    / The members followed the speech with great interest.
    "Your law on {law} serves only the interest of the rich," cried {adult}.
    / "You have no interest in the poor," cried {adult}.
    The members argued about {law} for {count} hours.
    ? {adult2} tried to make peace in the interest of the country.
    In the end the parliament passed the law with {many} votes.
    / In the end the parliament rejected the law on {law}.
    ? The public took a [great|lively|keen] interest in the debate.
    The next day every newspaper wrote about {law} and about the {leader}.`,
  ),
  skeleton(
    "young voter",
    "child project",
    `
    {child} had no interest in politics.
    / {child} thought that politics was dull.
    Then the council wanted to close the {project} in {town}.
    "But the {project} belongs to all of us," {said} {child}.
    Suddenly {child} took an interest in politics.
    / From that day {child} had a [strong|great|lively] interest in politics.
    {child.he} wrote a letter to the {leader} about the {project}.
    / {child.he} collected {many} names for the {project}.
    The {leader} read it with interest.
    / The council listened to {child} with interest.
    "It is in the public interest to keep the {project}," said the {leader}.
    The {project} stayed open, and {child} was {happy}.
    ? "Politics is not so dull after all," said {child}.`,
  ),
  skeleton(
    "museum",
    "child hobby",
    `
    {child} had a great interest in {hobby}.
    / Nothing held {child}'s interest like {hobby}.
    {day}, {child} visited the museum in {town}.
    {adult} gave a talk about {hobby}, and {child} listened with interest.
    / {adult} spoke about {hobby}, and the children listened with [deep|great] interest.
    ? {friend} soon lost interest and looked out of the window.
    "Why do you take such an interest in {hobby}?" asked {adult}.
    "Because {hobby} [makes me happy|is full of wonders|is never boring]," {answered} {child}.
    {adult} gave {child.him} a {gift} and a {color} book about {hobby}.
    {child} read the book with growing interest.
    ? Later {friend} took an interest in {hobby} too.
    When {child} grew up, {child.he} [wrote|taught|knew] more about {hobby} than anyone in {town}.`,
  ),
];

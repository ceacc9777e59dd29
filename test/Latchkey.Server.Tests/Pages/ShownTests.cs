using Latchkey.Server.Pages;

namespace Latchkey.Server.Tests.Pages;

public sealed class ShownTests
{
    [Theory]
    [InlineData("short", 10, "short")]
    [InlineData("exactly ten", 11, "exactly ten")]
    [InlineData("exactly ten", 10, "exactly t…")]
    // A family of three is one character that takes eight places: it stays whole or goes.
    [InlineData("ab\U0001F468\u200D\U0001F469\u200D\U0001F467cdef", 6, "ab…")]
    [InlineData("e\u0301e\u0301e\u0301", 4, "e\u0301…")]
    [InlineData("\U0001F468\u200D\U0001F469\u200D\U0001F467", 3, "…")]
    public void A_text_is_cut_between_characters(string text, int length, string expected) => Assert.Equal(expected, Shown.Shorten(text, length));

    [Theory]
    [InlineData("\u202eevil\u202c", "evil")]
    [InlineData("a\u2066b\u2067c\u2068d\u2069e", "abcde")]
    [InlineData("two\nlines\u0000\u0085", "two lines  ")]
    [InlineData("שלום, עולם", "שלום, עולם")]
    [InlineData("می\u200cخواهم", "می\u200cخواهم")]
    public void What_would_turn_the_words_around_it_is_left_out(string text, string expected) => Assert.Equal(expected, Shown.Shorten(text));

    [Theory]
    [InlineData("Alice Example", 2, "AE")]
    [InlineData("alice", 2, "A")]
    [InlineData("Alice Maria Example", 2, "AM")]
    [InlineData("Demo web app", 1, "D")]
    [InlineData("  ", 2, "·")]
    [InlineData("\u00e9t\u00e9 doux", 2, "\u00c9D")]
    [InlineData("\U0001F680 rockets", 1, "\U0001F680")]
    public void Initials_are_the_first_letters_of_the_first_words(string name, int count, string expected) => Assert.Equal(expected, Shown.Initials(name, count));
}

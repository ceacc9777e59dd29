namespace Latchkey.Protocol.Tests;

public sealed class ScopeSetTests
{
    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData(" ")]
    public void Nothing_is_the_empty_set(string? scope) => Assert.Empty(Parse(scope));

    [Fact]
    public void Order_is_kept_and_repetitions_count_once() => Assert.Equal("b a c", Parse("b a b  c a").ToString());

    [Theory, Spec("RFC 6749", "3.3")]
    [InlineData("a\"b")]
    [InlineData("a\\b")]
    [InlineData("a\tb")]
    [InlineData("a\0")]
    [InlineData("é")]
    [InlineData("a\u007f")]
    public void Characters_outside_the_grammar_are_invalid_scope(string scope)
    {
        Assert.True(ScopeSet.Parse(scope).Refused(out var error, out _));
        Assert.Equal("invalid_scope", error.Code);
        Assert.Equal(400, error.Status);
    }

    [Fact, Spec("RFC 6749", "3.3")]
    public void Every_other_printable_character_is_allowed()
    {
        var token = string.Concat(Enumerable.Range('!', '~' - '!' + 1).Select(code => (char)code).Where(character => character is not '"' and not '\\'));
        Assert.Equal([token], Parse(token));
    }

    [Fact, Spec("RFC 6749", "3.3")]
    public void Comparing_ignores_order_and_minds_case()
    {
        Assert.Equal(Parse("a b"), Parse("b a"));
        Assert.Equal(Parse("a b").GetHashCode(), Parse("b a").GetHashCode());
        Assert.NotEqual(Parse("a b"), Parse("a B"));
        Assert.NotEqual(Parse("a b"), Parse("a"));
        Assert.False(Parse("a").Equals((object?)null));
    }

    [Fact]
    public void Sets_are_combined()
    {
        var left = Parse("a b c");
        var right = Parse("c d b");
        Assert.Equal("b c", left.Intersect(right).ToString());
        Assert.Equal("a", left.Except(right).ToString());
        Assert.Equal("a b c d", left.Union(right).ToString());
        Assert.True(Parse("c a").IsSubsetOf(left));
        Assert.False(right.IsSubsetOf(left));
        Assert.True(ScopeSet.Empty.IsSubsetOf(right));
        Assert.Equal("b", left.Where(token => token == "b").ToString());
    }

    [Fact]
    public void Whatever_is_accepted_reads_back_the_same() => Generators.Check(Generators.Text, text =>
        !ScopeSet.Parse(text).Succeeded(out var scope, out _) || (scope.Equals(Parse(scope.ToString())) && scope.All(token => token.Length > 0)));

    private static ScopeSet Parse(string? scope) => ScopeSet.Parse(scope).Value;
}

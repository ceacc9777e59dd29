using Latchkey.ResourceServer.Tokens;

namespace Latchkey.ResourceServer.Tests.Tokens;

public sealed class RememberedTokensTests
{
    [Fact]
    public void However_many_tokens_come_only_the_capacity_is_remembered_and_those_in_use_stay()
    {
        var remembered = new RememberedTokens<string>(100);
        var used = TokenHash.Of("in use");
        remembered.Add(used, "in use");
        for (var i = 0; i < 10_000; i++)
        {
            remembered.Add(TokenHash.Of($"token {i}"), $"token {i}");
            if (i % 40 == 0) Assert.Equal("in use", remembered.Find(used));
        }

        Assert.InRange(Enumerable.Range(0, 10_000).Count(i => remembered.Find(TokenHash.Of($"token {i}")) is not null), 1, 100);
        Assert.Null(remembered.Find(TokenHash.Of("token 0")));
        Assert.NotNull(remembered.Find(TokenHash.Of("token 9999")));
    }

    [Fact]
    public void None_are_remembered_where_none_shall_be()
    {
        var remembered = new RememberedTokens<string>(0);
        remembered.Add(TokenHash.Of("token"), "token");
        Assert.Null(remembered.Find(TokenHash.Of("token")));
    }
}

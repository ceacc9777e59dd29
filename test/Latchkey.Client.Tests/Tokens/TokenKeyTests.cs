using Latchkey.Client.Tokens;

namespace Latchkey.Client.Tests.Tokens;

public sealed class TokenKeyTests
{
    [Fact]
    public void No_two_keys_run_together_to_one_name()
    {
        // The same letters in a row, parted at other places: another API's token, another session's, another client's.
        TokenKey[] keys =
        [
            new("", "https://id.test", "app", "https://api.test/a", "b:read", ""),
            new("", "https://id.test", "app", "https://api.test/ab", ":read", ""),
            new("", "https://id.test", "app", "https://api.test/ab:read", "", ""),
            new("", "https://id.test", "ap", "phttps://api.test/a", "b:read", ""),
            new("", "https://id.tes", "tapp", "https://api.test/a", "b:read", ""),
            new("https://id.test", "", "app", "https://api.test/a", "b:read", ""),
            new("", "https://id.test", "app", "https://api.test/a", "", "b:read"),
        ];
        Assert.Equal(keys.Length, keys.Select(key => key.Name("machine-")).Distinct().Count());
        Assert.Equal(keys[0].Name("machine-"), (keys[0] with { }).Name("machine-"));
        Assert.NotEqual(keys[0].Name("machine-"), keys[0].Name("session-"));
        // What locks and caches may be called by.
        Assert.All(keys, key => Assert.Matches("^[A-Za-z0-9_-]{1,64}$", key.Name("machine-")));
    }
}

using Latchkey.Testing;

namespace Latchkey.Client.Tests;

public sealed class ClientCredentialsTests
{
    [Fact, Spec("RFC 6749", "4.4")]
    public async Task A_machine_gets_a_token_for_itself()
    {
        await using var authority = await TestAuthority.StartAsync();
        using var client = Clients.Of(authority, Ready.Machine, options => options.Resource = Ready.Api);
        var tokens = await client.ClientCredentialsAsync("api:read");
        Assert.Equal("Bearer", tokens.AccessToken.Type);
        Assert.Equal("api:read", tokens.AccessToken.Scope);
        Assert.Equal(authority.Clock.GetUtcNow().AddSeconds(900), tokens.AccessToken.ExpiresAt);
        Assert.Null(tokens.RefreshToken);
        Assert.DoesNotContain(tokens.AccessToken.Value, tokens.ToString(), StringComparison.Ordinal);
    }
}

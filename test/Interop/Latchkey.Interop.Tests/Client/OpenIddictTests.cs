using Latchkey.Client;
using Latchkey.Client.Device;
using Latchkey.Protocol;

namespace Latchkey.Interop.Tests.Client;

/// <summary>Latchkey's client against OpenIddict's server.</summary>
public sealed class OpenIddictTests(OpenIddictServer server)
{
    [Theory, Spec("OAuth 2.1", "4.1"), Spec("OAuth 2.1", "4.3"), Spec("RFC 9126", "2")]
    [InlineData("web")]
    [InlineData("key")]
    public async Task People_sign_in_and_stay_signed_in(string id)
    {
        using var client = server.Client(id);
        var start = await client.StartAuthorizationAsync();
        Assert.NotNull(Parameters.Parse(start.Url.Query)["request_uri"]);
        using var person = new PageWalker(server.Issuer);
        var stop = await person.GetAsync(start.Url.AbsoluteUri);
        Assert.True(stop.IsAtClient, stop.ToString());
        var first = await client.CompleteAuthorizationAsync(start.Transaction, Parameters.Parse(stop.Url.Query));
        Assert.Equal("alice", first.IdToken!.Subject);
        Assert.Equal("alice", (await client.UserInfoAsync(first)).Subject);
        var second = await client.RefreshAsync(first.RefreshToken!, first.IdToken);
        Assert.Equal("alice", second.IdToken!.Subject);
        Assert.NotEqual(first.AccessToken.Value, second.AccessToken.Value);

        await client.RevokeAsync(second.RefreshToken!);
        Assert.Equal("invalid_grant", (await Assert.ThrowsAsync<OAuthException>(() => client.RefreshAsync(second.RefreshToken!))).Error);
    }

    [Theory, Spec("OAuth 2.1", "4.2"), Spec("RFC 10070")]
    [InlineData("web")]
    [InlineData("key")]
    public async Task Machines_get_tokens_for_themselves(string id)
    {
        using var client = server.Client(id);
        var tokens = await client.ClientCredentialsAsync("api:read");
        Assert.Equal("Bearer", tokens.AccessToken.Type);
        Assert.Equal("api:read", tokens.AccessToken.Scope);
        Assert.NotNull(tokens.AccessToken.ExpiresAt);
        var exception = await Assert.ThrowsAsync<OAuthException>(() => client.ClientCredentialsAsync("api:unknown"));
        Assert.Equal("invalid_scope", exception.Error);
    }

    [Fact, Spec("RFC 8628", "3")]
    public async Task A_terminal_waits_for_the_person()
    {
        using var client = server.Client("terminal");
        var device = await client.StartDeviceAsync();
        Assert.Equal(DeviceState.Pending, (await device.PollAsync()).State);
        using var person = new PageWalker(server.Issuer);
        await person.GetAsync(device.VerificationUriComplete!.AbsoluteUri);
        var tokens = (await device.PollAsync()).Tokens!;
        Assert.Equal("alice", tokens.IdToken!.Subject);
        Assert.NotNull(tokens.RefreshToken);
    }
}

using Latchkey.Testing;

namespace Latchkey.ResourceServer.Tests;

public sealed class AcceptedTests : IAsyncLifetime
{
    private TestAuthority _authority = null!;
    private GuardedApi _api = null!;

    public async ValueTask InitializeAsync()
    {
        _authority = await TestAuthority.StartAsync();
        _api = await GuardedApi.StartAsync(_authority);
    }

    [Fact, Spec("RFC 9068", "4")]
    public async Task A_good_token_is_let_in_and_says_whose_it_is()
    {
        var answer = await _api.BearerAsync(_authority.Token().For("alice").Scope("api:read api:write"), "/read");
        answer.IsAccepted();
        Assert.Equal("""{"sub":"user-alice","client_id":"web","scope":"api:read api:write","name":"user-alice"}""", answer.Body);
    }

    [Theory, Spec("RFC 8725", "3.1")]
    [InlineData("RS256")]
    [InlineData("PS256")]
    [InlineData("ES256")]
    public async Task Each_of_the_default_algorithms_is_verified(string algorithm) =>
        (await _api.BearerAsync(_authority.Token().SignedWith(algorithm))).IsAccepted();

    public async ValueTask DisposeAsync()
    {
        await _api.DisposeAsync();
        await _authority.DisposeAsync();
    }
}

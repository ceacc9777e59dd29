using Latchkey.Testing;

namespace Latchkey.ResourceServer.Tests;

public sealed class AcceptedTests(StandingApi standing) : IClassFixture<StandingApi>
{
    private readonly TestAuthority _authority = standing.Authority;
    private readonly GuardedApi _api = standing.Api;

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

    /// <summary>Programs write the URL of a bare origin with a slash at its end and without one.</summary>
    [Theory, Spec("RFC 9068", "4"), Check("M1")]
    [InlineData(Ready.Api)]
    [InlineData(Ready.Api + "/")]
    public async Task The_slash_of_a_bare_origin_does_not_matter(string audience) => (await _api.BearerAsync(_authority.Token().Audience(audience))).IsAccepted();
}

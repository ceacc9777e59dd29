using System.Net;

namespace Latchkey.Testing.Tests;

/// <summary>
/// The guide's tests under "Testing Strategies". Its second one can never pass: it signs with a key that the API does not trust. Here it is right in
/// three lines, against the same claims.
/// </summary>
public sealed class GuideTests
{
    [Fact]
    public async Task Returns_401_without_token()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = AppFactory.Bearer().UseAuthority(authority);
        Assert.Equal(HttpStatusCode.Unauthorized, (await app.CreateClient().GetAsync("/things")).StatusCode);
    }

    [Fact]
    public async Task Returns_200_with_valid_token()
    {
        await using var authority = await TestAuthority.StartAsync();
        await using var app = AppFactory.Bearer().UseAuthority(authority);
        Assert.Equal(HttpStatusCode.OK, (await app.CreateClient().SendAsync(authority.Token().For("user-123").Audience("https://api.example.com").Get("/things"))).StatusCode);
    }
}

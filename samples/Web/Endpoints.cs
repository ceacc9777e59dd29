using System.Text.Json;
using Latchkey.Client;
using Latchkey.Client.Tokens;

namespace Latchkey.Samples.Web;

/// <summary>What the provider says of the person now.</summary>
internal sealed class UserInfoEndpoint(HttpClient http, [FromKeyedServices("web")] LatchkeyClient client)
{
    public async Task<JsonElement> ReadAsync(string subject, CancellationToken cancellation)
    {
        var metadata = await client.Provider.MetadataAsync(cancellation);
        using var answer = await http.GetAsync(metadata.UserinfoEndpoint, cancellation);
        // Even a renewed token is refused there: the person has to sign in again.
        if (answer.StatusCode == System.Net.HttpStatusCode.Unauthorized) throw new TokenUnavailableException(TokenUnavailableException.LoginRequired);
        answer.EnsureSuccessStatusCode();
        var user = JsonElement.Parse(await answer.Content.ReadAsStringAsync(cancellation));
        // Claims of another person than the ID token's are nobody's business (OpenID Connect Core section 5.3.4).
        if (user.GetProperty("sub").GetString() != subject) throw new OAuthException("server_error", "The claims are another person's.");
        return user;
    }
}

/// <summary>The API of samples/Api.</summary>
internal sealed class ApiEndpoint(HttpClient http)
{
    public Task<HttpResponseMessage> ReadAsync(CancellationToken cancellation) =>
        http.BaseAddress is null ? throw new OAuthException("no_api", "Start this program with --api URL to call one.") : http.GetAsync("/read", cancellation);
}

namespace Latchkey.Samples.Service;

/// <summary>One access token for many calls. However many callers wait for it, it is asked for once.</summary>
internal sealed class TokenCache(HttpClient http, TimeProvider clock, string issuer, string clientId, string clientSecret, string scope)
{
    private readonly SemaphoreSlim _one = new(1, 1);
    private Provider? _provider;
    private string? _token;
    private DateTimeOffset _renewAt;

    /// <summary>How many tokens were asked for.</summary>
    public int Requests { get; private set; }

    /// <summary>The token, renewed when its time is nearly over.</summary>
    /// <param name="refused">A token that the API did not take; another is fetched unless somebody else has just done it.</param>
    public async Task<string> GetAsync(string? refused = null)
    {
        await _one.WaitAsync();
        try
        {
            if (_token is not null && _token != refused && clock.GetUtcNow() < _renewAt) return _token;
            _provider ??= await Provider.DiscoverAsync(http, issuer);
            Requests++;
            var asked = clock.GetUtcNow();
            var answer = await _provider.PostAsync(http, "token_endpoint", clientId, clientSecret, new()
            {
                ["grant_type"] = "client_credentials",
                ["scope"] = scope,
            });
            _token = answer.Text("access_token") ?? throw new OAuthException("server_error", "The answer holds no access_token.");
            // A minute before its end, or a tenth of a short life: a fixed minute would make a short-lived token useless at birth.
            var life = answer.Number("expires_in") ?? 60;
            _renewAt = asked.AddSeconds(life - Math.Min(60, life * 0.1));
            return _token;
        }
        finally
        {
            _one.Release();
        }
    }
}

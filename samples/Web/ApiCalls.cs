namespace Latchkey.Samples.Web;

/// <summary>Calls with the person's access token, renewed on the first 401, once.</summary>
internal sealed class ApiCalls(App app, HttpClient http, SignIn signIn, IdTokens idTokens)
{
    /// <summary>The answer; a 401 means that the person has to sign in again.</summary>
    public async Task<HttpResponseMessage> GetAsync(Session session, string url)
    {
        var token = session.AccessToken!;
        var response = await SendAsync(url, token);
        if (response.StatusCode != System.Net.HttpStatusCode.Unauthorized) return response;
        if (await RefreshAsync(session, token) is not { } renewed) return response;
        response.Dispose();
        return await SendAsync(url, renewed);
    }

    /// <summary>A new access token, or null if the refresh token is good no more.</summary>
    private async Task<string?> RefreshAsync(Session session, string refused)
    {
        await session.Refreshing.WaitAsync();
        try
        {
            // Another request of this session may just have done it.
            if (session.AccessToken != refused) return session.AccessToken;
            if (session.RefreshToken is null) return null;
            var provider = await signIn.ProviderAsync();
            var tokens = await provider.PostAsync(http, "token_endpoint", app.ClientId, app.ClientSecret, new()
            {
                ["grant_type"] = "refresh_token",
                ["refresh_token"] = session.RefreshToken,
            });
            // An answer without a new refresh token means: go on using the old one (RFC 6749 section 6).
            session.RefreshToken = tokens.Text("refresh_token") ?? session.RefreshToken;
            if (tokens.Text("id_token") is { } idToken)
            {
                var who = await idTokens.ValidateAsync(provider, idToken, nonce: null);
                if (who.Subject != session.Subject) throw new OAuthException("invalid_id_token", "It is another person's.");
                session.IdToken = idToken;
            }

            return session.AccessToken = tokens.Text("access_token") ?? throw new OAuthException("server_error", "The answer holds no access token.");
        }
        catch (OAuthException exception) when (exception.Code == "invalid_grant")
        {
            return null;
        }
        finally
        {
            session.Refreshing.Release();
        }
    }

    private async Task<HttpResponseMessage> SendAsync(string url, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        request.Headers.Authorization = new("Bearer", token);
        return await http.SendAsync(request);
    }
}

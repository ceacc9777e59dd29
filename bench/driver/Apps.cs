using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Latchkey.Bench;

/// <summary>The requests that are measured, as an app sends them.</summary>
internal static partial class Apps
{
    private const string RedirectUri = "http://127.0.0.1:9/callback";

    public static async Task ClientCredentialsAsync(HttpClient http, string issuer, string scope)
    {
        await TokenAsync(http, issuer, "bench-service", new() { ["grant_type"] = "client_credentials", ["scope"] = scope });
    }

    /// <summary>Uses a refresh token and gives the next.</summary>
    public static async Task<string> RefreshAsync(HttpClient http, string issuer, string client, string refreshToken)
    {
        var answer = await TokenAsync(http, issuer, client, new() { ["grant_type"] = "refresh_token", ["refresh_token"] = refreshToken });
        return answer.GetProperty("refresh_token").GetString()!;
    }

    /// <summary>Signs a person in once and gives so many grants' refresh tokens.</summary>
    public static async Task<string[]> SignInAsync(string issuer, string client, string scope, int grants)
    {
        using var browser = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() }) { BaseAddress = new Uri(issuer) };
        var tokens = new string[grants];
        for (var i = 0; i < grants; i++)
        {
            var verifier = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32));
            var challenge = System.Buffers.Text.Base64Url.EncodeToString(SHA256.HashData(Encoding.ASCII.GetBytes(verifier)));
            var code = await CodeAsync(browser, $"/authorize?response_type=code&client_id={client}&redirect_uri={Uri.EscapeDataString(RedirectUri)}"
                + $"&scope={Uri.EscapeDataString(scope)}&state=s&nonce=n&code_challenge={challenge}&code_challenge_method=S256");
            var answer = await TokenAsync(browser, issuer, client, new()
            {
                ["grant_type"] = "authorization_code",
                ["code"] = code,
                ["redirect_uri"] = RedirectUri,
                ["code_verifier"] = verifier,
            });
            tokens[i] = answer.GetProperty("refresh_token").GetString()!;
        }

        return tokens;
    }

    /// <summary>Goes where the server sends the browser, through its first form if there is one, until it is the app's turn.</summary>
    private static async Task<string> CodeAsync(HttpClient browser, string url)
    {
        for (var hop = 0; hop < 10; hop++)
        {
            var response = await browser.GetAsync(url);
            if (response.Headers.Location is null)
            {
                var page = await response.Content.ReadAsStringAsync();
                if (!page.Contains("name=\"password\"", StringComparison.Ordinal)) throw new InvalidOperationException($"No sign-in page at {url}: {(int)response.StatusCode}");
                var form = HiddenInput().Matches(page).ToDictionary(input => input.Groups[1].Value, input => WebUtility.HtmlDecode(input.Groups[2].Value));
                (form["username"], form["password"]) = ("bench", "twelve quiet herons");
                var action = FormAction().Match(page) is { Success: true } match ? WebUtility.HtmlDecode(match.Groups[1].Value) : url;
                response = await browser.PostAsync(action, new FormUrlEncodedContent(form));
            }

            url = response.Headers.Location?.OriginalString ?? throw new InvalidOperationException($"Signing in led nowhere: {(int)response.StatusCode}");
            if (url.StartsWith(RedirectUri, StringComparison.Ordinal))
            {
                return Code().Match(url) is { Success: true } code ? Uri.UnescapeDataString(code.Groups[1].Value) : throw new InvalidOperationException($"No code: {url}");
            }
        }

        throw new InvalidOperationException("Signing in goes in circles.");
    }

    private static async Task<JsonElement> TokenAsync(HttpClient http, string issuer, string client, Dictionary<string, string> form)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{issuer}/token") { Content = new FormUrlEncodedContent(form) };
        request.Headers.Authorization = new("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes($"{client}:{client}-secret-0123456789abcdef")));
        using var response = await http.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        return response.IsSuccessStatusCode ? JsonElement.Parse(body) : throw new InvalidOperationException($"{(int)response.StatusCode}: {body}");
    }

    [GeneratedRegex("<input[^>]*type=\"hidden\"[^>]*name=\"([^\"]+)\"[^>]*value=\"([^\"]*)\"")]
    private static partial Regex HiddenInput();

    [GeneratedRegex("<form[^>]*action=\"([^\"]+)\"")]
    private static partial Regex FormAction();

    [GeneratedRegex("[?&]code=([^&]+)")]
    private static partial Regex Code();
}

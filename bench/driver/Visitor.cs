using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace Latchkey.Bench;

/// <summary>A person's browser: signs in and agrees by the plain forms of any of the servers.</summary>
internal static partial class Visitor
{
    private static readonly Dictionary<(Subject, string, string), string[]> Known = [];

    /// <summary>The cookies of four signed-in sessions whose consent is given.</summary>
    public static async Task<string[]> SessionsAsync(Subject subject, BenchClient client, string scope)
    {
        if (Known.TryGetValue((subject, client.Id, scope), out var sessions)) return sessions;
        sessions = new string[4];
        for (var i = 0; i < sessions.Length; i++) sessions[i] = await SignInAsync(subject, client, scope);
        return Known[(subject, client.Id, scope)] = sessions;
    }

    /// <summary>A token of a code flow of its own.</summary>
    /// <param name="subject">At whom.</param>
    /// <param name="client">For whom.</param>
    /// <param name="scope">What for.</param>
    /// <param name="cookie">The session.</param>
    /// <param name="member">Which token, as <c>"access_token"</c> with its quotes.</param>
    public static async Task<string> TokenAsync(Subject subject, BenchClient client, string scope, string cookie, string member)
    {
        using var connection = new Connection(subject.Port);
        await connection.SendAsync(Requests.Get(subject, Requests.Authorize(subject, client, scope), cookie));
        if (Requests.CodeOf(Encoding.ASCII.GetString(connection.Header("location"u8))) is not { } code) throw Failed(subject, "authorize", connection);
        if (await connection.SendAsync(Requests.Exchange(subject, client, code)) != 200) throw Failed(subject, "the exchange of the code", connection);
        return connection.Text(Encoding.ASCII.GetBytes(member)) ?? throw Failed(subject, $"{member} of the exchange", connection);
    }

    public static InvalidOperationException Failed(Subject subject, string what, Connection connection) =>
        new($"{subject.Name}: {what} gave {connection.Status} {Encoding.UTF8.GetString(connection.Body)}");

    private static async Task<string> SignInAsync(Subject subject, BenchClient client, string scope)
    {
        var cookies = new CookieContainer();
        using var http = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false, CookieContainer = cookies });
        var start = new Uri(new Uri(subject.Issuer), Requests.Authorize(subject, client, scope));
        var url = start;
        var response = await http.GetAsync(url);
        for (var hop = 0; hop < 15; hop++)
        {
            if (response.Headers.Location is { } location)
            {
                url = new Uri(url, location);
                if (Requests.CodeOf(url.OriginalString) is not null) return cookies.GetCookieHeader(start);
                if (url.OriginalString.StartsWith(Requests.RedirectUri, StringComparison.Ordinal)) throw new InvalidOperationException($"{subject.Name}: no code but {url}");
                response = await http.GetAsync(url);
                continue;
            }

            var page = await response.Content.ReadAsStringAsync();
            var form = Form().Match(page).Value;
            if (form.Length == 0) throw new InvalidOperationException($"{subject.Name}: {(int)response.StatusCode} without a form at {url}: {page}");
            if (Attribute(form, "action") is { Length: > 0 } action) url = new Uri(url, action);
            response = await http.PostAsync(url, new FormUrlEncodedContent(Fields(form)));
        }

        throw new InvalidOperationException($"{subject.Name}: signing in goes in circles.");
    }

    private static List<KeyValuePair<string, string>> Fields(string form)
    {
        var fields = new List<KeyValuePair<string, string>>();
        foreach (var input in Input().Matches(form).Select(match => match.Value))
        {
            if (Attribute(input, "name") is not { Length: > 0 } name) continue;
            if (Attribute(input, "type") is "checkbox" or "radio" && !input.Contains("checked", StringComparison.Ordinal)) continue;
            fields.Add(new(name, name switch { "username" => Requests.UserName, "password" => Requests.Password, _ => Attribute(input, "value") ?? "" }));
        }

        if (form.Contains("name=\"decision\"", StringComparison.Ordinal)) fields.Add(new("decision", "allow"));
        return fields;
    }

    private static string? Attribute(string element, string name) =>
        Regex.Match(element, $"\\b{name}=\"([^\"]*)\"") is { Success: true } match ? WebUtility.HtmlDecode(match.Groups[1].Value) : null;

    [GeneratedRegex("<form[^>]*>.*?</form>", RegexOptions.Singleline)]
    private static partial Regex Form();

    [GeneratedRegex("<input[^>]*>")]
    private static partial Regex Input();
}

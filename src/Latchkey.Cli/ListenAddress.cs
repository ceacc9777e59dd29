using System.Globalization;
using System.Net;

namespace Latchkey.Cli;

/// <summary>One address to listen on.</summary>
/// <param name="Scheme"><c>http</c> or <c>https</c>.</param>
/// <param name="Host">The host as it was given.</param>
/// <param name="Port">The port; 0 for any that is free.</param>
internal sealed record ListenAddress(string Scheme, string Host, int Port)
{
    /// <summary>Whether connections are encrypted here.</summary>
    public bool IsHttps => Scheme == "https";

    /// <summary>The addresses of <c>--urls</c>, else the issuer's own.</summary>
    /// <exception cref="SettingException">One is malformed, or would carry secrets over an open network.</exception>
    public static IReadOnlyList<ListenAddress> Read(SettingValue? urls, string issuer, bool hasCertificate, bool behindProxy)
    {
        var addresses = new List<ListenAddress>();
        var source = urls?.Source ?? Setting.Issuer.Option.Name;
        foreach (var url in (urls?.Text ?? new Uri(issuer).GetLeftPart(UriPartial.Authority)).Split([',', ';'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (Parse(url) is not { } address)
                throw new SettingException($"{source} has \"{url}\", which is no address to listen on; write one such as http://127.0.0.1:5100 or https://0.0.0.0:443.");
            if (address.IsHttps && !hasCertificate && urls is null)
                throw new SettingException("The issuer is https, but there is no certificate; give --tls-cert and --tls-key, or --urls and --trusted-proxies when a proxy takes the https connections.");
            if (address.IsHttps && !hasCertificate)
                throw new SettingException($"{source} has \"{url}\", but there is no certificate; give --tls-cert and --tls-key.");
            if (!address.IsHttps && !behindProxy && !IsLoopback(address.Host))
                throw new SettingException($"{source} has \"{url}\", but http is only for this computer; use https, or name your proxies with --trusted-proxies.");
            addresses.Add(address);
        }

        return addresses.Count > 0 ? addresses : throw new SettingException($"{source} is empty; give an address to listen on.");
    }

    /// <summary>The addresses of <c>--mtls-urls</c>.</summary>
    /// <exception cref="SettingException">One is malformed or not https.</exception>
    public static IReadOnlyList<ListenAddress> ReadMtls(SettingValue urls, bool hasCertificate)
    {
        var addresses = new List<ListenAddress>();
        foreach (var url in urls.Text.Split([',', ';'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (Parse(url) is not { IsHttps: true } address)
                throw new SettingException($"{urls.Source} has \"{url}\", which is no https address to listen on; write one such as https://0.0.0.0:8443.");
            if (!hasCertificate) throw new SettingException($"{urls.Source} is set, but there is no certificate of the server; give --tls-cert and --tls-key.");
            addresses.Add(address);
        }

        return addresses;
    }

    /// <summary>The addresses of <c>--metrics-urls</c>; none unless it is set. Figures hold nothing secret, so http is enough anywhere.</summary>
    /// <exception cref="SettingException">One is malformed.</exception>
    public static IReadOnlyList<ListenAddress> ReadMetrics(SettingValue? urls)
    {
        if (urls is not { } value) return [];
        var addresses = new List<ListenAddress>();
        foreach (var url in value.Text.Split([',', ';'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            addresses.Add(Parse(url) is { IsHttps: false } address
                ? address
                : throw new SettingException($"{value.Source} has \"{url}\", which is no http address to listen on; write one such as http://127.0.0.1:9464."));
        }

        return addresses;
    }

    /// <summary>Whether a URL's host is this computer.</summary>
    public static bool IsLoopback(string host) =>
        host.Equals("localhost", StringComparison.OrdinalIgnoreCase) || IPAddress.TryParse(host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address);

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Scheme}://{Host}:{Port}");

    private static ListenAddress? Parse(string url)
    {
        // * and + are what ASP.NET Core writes for every address; a URL can't have them.
        var text = url.Replace("://*", "://0.0.0.0", StringComparison.Ordinal).Replace("://+", "://0.0.0.0", StringComparison.Ordinal);
        return Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.AbsolutePath == "/" && uri.Query.Length == 0
            && uri.Fragment.Length == 0 && uri.UserInfo.Length == 0
            ? new ListenAddress(uri.Scheme, uri.Host, uri.Port)
            : null;
    }
}

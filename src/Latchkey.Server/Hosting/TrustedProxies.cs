using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Latchkey.Verification.MutualTls;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.HttpOverrides;
using IPNetwork = System.Net.IPNetwork;

namespace Latchkey.Server.Hosting;

/// <summary>
/// The proxies whose <c>X-Forwarded-For</c>, <c>-Proto</c> and <c>-Host</c> count. From anybody else they are not looked at. None of them ever
/// changes the issuer, which is configured.
/// </summary>
public static class TrustedProxies
{
    /// <summary>Reads a comma-separated list of networks or single addresses.</summary>
    /// <param name="list">Such as <c>10.0.0.0/8,127.0.0.1</c>.</param>
    /// <param name="networks">The networks.</param>
    /// <param name="fault">What is wrong with the list, as a sentence; null if nothing is.</param>
    public static bool TryParse(string list, out IReadOnlyList<IPNetwork> networks, out string? fault)
    {
        var found = new List<IPNetwork>();
        networks = found;
        foreach (var entry in list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            if (IPNetwork.TryParse(entry, out var network)) found.Add(network);
            else if (IPAddress.TryParse(entry, out var address)) found.Add(new IPNetwork(address, address.GetAddressBytes().Length * 8));
            else
            {
                fault = $"\"{entry}\" is no network such as 10.0.0.0/8 and no address.";
                return false;
            }
        }

        fault = null;
        return true;
    }

    /// <summary>Lets the headers of these proxies count; to be called before the server is mapped.</summary>
    /// <param name="app">The host.</param>
    /// <param name="networks">Whom to trust; nobody if empty.</param>
    /// <param name="certificateHeader">The header in which they hand on the client's certificate; null if they don't.</param>
    public static void UseTrustedProxies(this WebApplication app, IReadOnlyList<IPNetwork> networks, string? certificateHeader = null)
    {
        if (networks.Count == 0) return;
        // First, since the other headers change what the request says of where it comes from.
        if (certificateHeader is not null) app.Use(next => context =>
        {
            TakeCertificate(context, networks, certificateHeader);
            return next(context);
        });
        var options = new ForwardedHeadersOptions
        {
            ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto | ForwardedHeaders.XForwardedHost,
            // Every hop must be a trusted one, however many there are.
            ForwardLimit = null,
        };
        options.KnownProxies.Clear();
        options.KnownIPNetworks.Clear();
        foreach (var network in networks) options.KnownIPNetworks.Add(network);
        app.UseForwardedHeaders(options);
    }

    /// <summary>
    /// The certificate of a request is the one that the proxy saw. The connection's own is the proxy's then, and proves nothing of the client; of a
    /// connection from anywhere else the header is not looked at.
    /// </summary>
    private static void TakeCertificate(HttpContext context, IReadOnlyList<IPNetwork> networks, string header)
    {
        var values = context.Request.Headers[header];
        context.Request.Headers.Remove(header);
        var address = context.Connection.RemoteIpAddress;
        if (address is { IsIPv4MappedToIPv6: true }) address = address.MapToIPv4();
        if (address is null || !networks.Any(network => network.Contains(address))) return;
        context.Connection.ClientCertificate = values is [{ } value] && ForwardedCertificate.Decode(value) is { } der ? Load(der) : null;
    }

    private static X509Certificate2? Load(byte[] der)
    {
        try
        {
            return X509CertificateLoader.LoadCertificate(der);
        }
        catch (CryptographicException)
        {
            return null;
        }
    }
}

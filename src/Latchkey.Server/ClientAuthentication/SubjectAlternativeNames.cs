using System.Formats.Asn1;
using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace Latchkey.Server.ClientAuthentication;

/// <summary>The alternative names of a certificate's subject that RFC 8705 section 2.1.2 knows, RFC 5280 section 4.2.1.6.</summary>
internal sealed class SubjectAlternativeNames
{
    private const string Extension = "2.5.29.17";

    private static readonly Asn1Tag Email = new(TagClass.ContextSpecific, 1);
    private static readonly Asn1Tag DnsName = new(TagClass.ContextSpecific, 2);
    private static readonly Asn1Tag Uri = new(TagClass.ContextSpecific, 6);
    private static readonly Asn1Tag Address = new(TagClass.ContextSpecific, 7);

    private readonly List<IPAddress> _addresses = [];

    private SubjectAlternativeNames()
    {
    }

    public List<string> Emails { get; } = [];

    public List<string> Dns { get; } = [];

    public List<string> Uris { get; } = [];

    /// <summary>Whether an IP address is among them, however it is spelt.</summary>
    public bool HasAddress(string text) => IPAddress.TryParse(text, out var address) && _addresses.Contains(address);

    /// <summary>Reads those of a certificate; none where it has none or they are malformed.</summary>
    public static SubjectAlternativeNames Of(X509Certificate2 certificate)
    {
        var names = new SubjectAlternativeNames();
        try
        {
            foreach (var extension in certificate.Extensions)
            {
                if (extension.Oid?.Value == Extension) names.Read(new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence());
            }

            return names;
        }
        catch (AsnContentException)
        {
            return new SubjectAlternativeNames();
        }
        catch (ArgumentException)
        {
            // An address that is neither of 4 nor of 16 bytes.
            return new SubjectAlternativeNames();
        }
    }

    private void Read(AsnReader entries)
    {
        while (entries.HasData)
        {
            var tag = entries.PeekTag();
            if (tag == Email) Emails.Add(entries.ReadCharacterString(UniversalTagNumber.IA5String, tag));
            else if (tag == DnsName) Dns.Add(entries.ReadCharacterString(UniversalTagNumber.IA5String, tag));
            else if (tag == Uri) Uris.Add(entries.ReadCharacterString(UniversalTagNumber.IA5String, tag));
            else if (tag == Address) _addresses.Add(new IPAddress(entries.ReadOctetString(tag)));
            else entries.ReadEncodedValue();
        }
    }
}
